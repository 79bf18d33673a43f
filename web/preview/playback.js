/**
 * Time and frames of the player: exact rates, and where playing, stepping and scrubbing lead.
 *
 * A rate is a fraction, so that an hour of 23.976 is an hour. State is a value; `reduce` makes the next one.
 */

/** @typedef {{ readonly num: number, readonly den: number }} Rate */
/** @typedef {{ readonly frame: number, readonly playing: boolean, readonly since: number, readonly from: number }} State */
/** @typedef {{ type: 'play' | 'tick', now: number }} Clock  milliseconds */
/** @typedef {{ type: 'pause' } | { type: 'step', by: number } | { type: 'seek', frame: number }} Command */
/** @typedef {Clock | Command} Event */
/** @typedef {{ readonly count: number, readonly rate: Rate }} Clip */

/** @type {State} */
export const STOPPED = { frame: 0, playing: false, since: 0, from: 0 }

/**
 * The next state; the clip loops. `now` is in milliseconds.
 *
 * @param {State} state
 * @param {Event} event
 * @param {Clip} clip
 * @returns {State}
 */
export function reduce(state, event, clip) {
  switch (event.type) {
    case 'play':
      return { ...state, playing: true, since: event.now, from: state.frame }
    case 'pause':
      return { ...state, playing: false }
    case 'tick':
      if (!state.playing) return state
      // the clock of an animation frame stands a little before the click that began it
      return { ...state, frame: wrapped(state.from + framesIn(Math.max(event.now - state.since, 0), clip.rate), clip.count) }
    case 'step':
      return { ...state, playing: false, frame: wrapped(state.frame + event.by, clip.count) }
    case 'seek':
      return { ...state, playing: false, frame: Math.min(Math.max(Math.round(event.frame), 0), clip.count - 1) }
  }
}

/** Whole frames that fit into so many milliseconds. @param {number} milliseconds @param {Rate} rate */
export function framesIn(milliseconds, rate) {
  return Math.floor((milliseconds * rate.num) / (1000 * rate.den) + 1e-9)
}

/** When a frame begins, in seconds. @param {number} frame @param {Rate} rate */
export function secondsAt(frame, rate) {
  return (frame * rate.den) / rate.num
}

/** The frames to have at hand next, the one that is shown first. @param {number} frame @param {number} count @param {number} ahead */
export function wanted(frame, count, ahead) {
  return Array.from({ length: Math.min(ahead + 1, count) }, (_, step) => wrapped(frame + step, count))
}

/** @param {number} frame @param {number} count */
function wrapped(frame, count) {
  return ((frame % count) + count) % count
}
