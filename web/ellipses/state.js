/**
 * The editor as a value: (state, event) -> state. A change at a frame without a keyframe makes one there.
 *
 * What is refused leaves everything as it was and says why in `notice`, the name of a string in `strings.js`.
 */

import {
  isLonger, MAX_ELLIPSES, MAX_FRAME, MAX_KEYFRAMES, MAX_NAME_CHARACTERS, RANGES,
} from './drawing.js'
import { POSE_KEYS, poseAt } from './keyframes.js'

/** @typedef {import('./drawing.js').Drawing} Drawing */
/** @typedef {import('./drawing.js').Ellipse} Ellipse */
/** @typedef {import('./drawing.js').Keyframe} Keyframe */
/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {import('./drawing.js').Ease} Ease */
/** @typedef {Readonly<{ width: number, height: number, length: number, fps: number }>} Clip */

/**
 * @typedef {'lastEllipse' | 'lastKeyframe' | 'fullOfEllipses' | 'fullOfKeyframes' | 'frameTaken' | 'outOfRange'
 *   | 'tooLong'} Notice
 */

/**
 * @typedef {Readonly<{
 *   drawing: Drawing, clip: Clip, selected: string, frame: number, copied: Keyframe | null, notice: Notice | null
 * }>} State  `selected` is an ellipse's id, `frame` a pixel frame; neither they nor the copied keyframe are saved.
 */

/**
 * @typedef {{ type: 'load', drawing: Drawing }
 *   | { type: 'clip', clip: Clip }
 *   | { type: 'select', id: string }
 *   | { type: 'step', by: 1 | -1 }
 *   | { type: 'seek', frame: number }
 *   | { type: 'pose', id: string, pose: Partial<Pose> }
 *   | { type: 'rename', name: string }
 *   | { type: 'loop' }
 *   | { type: 'add' } | { type: 'duplicate' } | { type: 'remove' }
 *   | { type: 'keyframes', keyframes: readonly Keyframe[] }
 *   | { type: 'toKey', by: 1 | -1 }
 *   | { type: 'addKey' } | { type: 'removeKey', frame?: number }
 *   | { type: 'moveKey', from: number, to: number, copy?: boolean }
 *   | { type: 'copyKey' } | { type: 'pasteKey' }
 *   | { type: 'ease', ease: Ease }} Event
 */

const FIRST_POSE = { cx: 0.5, cy: 0.5, rx: 0.2, ry: 0.3, angle: 0, softness: 1, weight: 1 }
const BESIDE = 0.05

/** Digits kept after the point: a thousandth of a pixel. @type {Readonly<Record<keyof Pose, number>>} */
const DIGITS = { cx: 7, cy: 7, rx: 7, ry: 7, angle: 3, softness: 4, weight: 4 }

/**
 * @param {Drawing} drawing
 * @param {Clip} clip
 * @returns {State}
 */
export function initial(drawing, clip) {
  return { drawing, clip, selected: firstId(drawing), frame: 0, copied: null, notice: null }
}

/**
 * @param {State} before
 * @param {Event} event
 * @returns {State}
 */
export function reduce(before, event) {
  const state = before.notice ? { ...before, notice: null } : before
  switch (event.type) {
    case 'load': return loaded(state, event.drawing)
    case 'clip': return sought({ ...state, clip: event.clip }, state.frame)
    case 'select': return has(state.drawing, event.id) ? { ...state, selected: event.id } : state
    case 'step': return { ...state, selected: neighbour(state, event.by) }
    case 'seek': return sought(state, event.frame)
    case 'pose': return posed(state, event.id, event.pose)
    case 'rename': return renamed(state, event.name)
    case 'loop': return withDrawing(state, { ...state.drawing, loop: !state.drawing.loop })
    case 'add': return added(state, { name: '', keyframes: [{ ...FIRST_POSE, frame: state.frame, ease: 'linear' }] })
    case 'duplicate': return added(state, beside(selectedEllipse(state)))
    case 'remove': return removed(state)
    case 'keyframes': return withKeyframes(state, state.selected, event.keyframes)
    case 'toKey': return sought(state, neighbourFrames(state)[event.by < 0 ? 'previous' : 'next'] ?? state.frame)
    case 'addKey': return posed(state, state.selected, {})
    case 'removeKey': return keyRemoved(state, event.frame ?? state.frame)
    case 'moveKey': return keyMoved(state, event.from, event.to, event.copy ?? false)
    case 'copyKey': return { ...state, copied: keyframeAt(state, selectedEllipse(state)) }
    case 'pasteKey': return keyPasted(state)
    case 'ease': return eased(state, event.ease)
  }
}

/** @param {State} state @returns {Ellipse} */
export function selectedEllipse({ drawing, selected }) {
  return /** @type {Ellipse} */ (drawing.ellipses.find(({ id }) => id === selected) ?? drawing.ellipses[0])
}

/** Where an ellipse is at the current frame. @param {State} state @param {Ellipse} ellipse */
export function poseNow({ drawing, clip, frame }, ellipse) {
  return poseAt(ellipse, frame, clip.length, drawing.loop)
}

/** The selected ellipse's keyframe at the current frame. @param {State} state */
export function keyNow(state) {
  return selectedEllipse(state).keyframes.find(({ frame }) => frame === state.frame)
}

/** The frames of the keyframes around the current frame. @param {State} state
 * @returns {{ previous: number | undefined, next: number | undefined }} */
export function neighbourFrames(state) {
  const frames = selectedEllipse(state).keyframes.map(({ frame }) => frame)
  return {
    previous: frames.findLast((frame) => frame < state.frame),
    next: frames.find((frame) => frame > state.frame),
  }
}

/** A value as the drawing keeps it, or null where it is none that a drawing may have.
 * @param {keyof Pose} key @param {number} value */
export function inRange(key, value) {
  const [low, high] = RANGES[key]
  return low <= value && value <= high ? Number(value.toFixed(DIGITS[key])) : null
}

/** @param {State} state @param {Drawing} drawing @returns {State} */
function loaded(state, drawing) {
  return { ...state, drawing, selected: has(drawing, state.selected) ? state.selected : firstId(drawing) }
}

/** @param {State} state @param {number} frame @returns {State} */
function sought(state, frame) {
  const within = Math.min(Math.max(0, Math.round(frame)), Math.max(1, state.clip.length) - 1)
  return within === state.frame ? state : { ...state, frame: within }
}

/** @param {State} state @param {string} id @param {Partial<Pose>} change @returns {State} */
function posed(state, id, change) {
  const ellipse = state.drawing.ellipses.find((each) => each.id === id)
  if (!ellipse) return state
  const key = { ...keyframeAt(state, ellipse) }
  for (const name of POSE_KEYS) {
    const value = inRange(name, change[name] ?? key[name])
    if (value === null) return { ...state, notice: 'outOfRange' }
    key[name] = value
  }
  return withKeyframes(state, id, [...ellipse.keyframes.filter(({ frame }) => frame !== key.frame), key])
}

/** The keyframe at the current frame, or the one that would stand there. @param {State} state @param {Ellipse} ellipse
 * @returns {Keyframe} */
function keyframeAt(state, ellipse) {
  const there = ellipse.keyframes.find(({ frame }) => frame === state.frame)
  const before = ellipse.keyframes.findLast(({ frame }) => frame < state.frame)
  return there ?? { ...poseNow(state, ellipse), frame: state.frame, ease: before?.ease ?? 'linear' }
}

/** @param {State} state @param {string} name @returns {State} */
function renamed(state, name) {
  if (isLonger(name, MAX_NAME_CHARACTERS)) return { ...state, notice: 'outOfRange' }
  return withEllipse(state, state.selected, (ellipse) => ({ ...ellipse, name }))
}

/** @param {State} state @param {Omit<Ellipse, 'id'>} ellipse @returns {State} */
function added(state, ellipse) {
  const { ellipses } = state.drawing
  if (ellipses.length >= MAX_ELLIPSES) return { ...state, notice: 'fullOfEllipses' }
  const id = freeId(ellipses)
  return withDrawing({ ...state, selected: id }, { ...state.drawing, ellipses: [...ellipses, { id, ...ellipse }] })
}

/** @param {Ellipse} ellipse @returns {Omit<Ellipse, 'id'>} */
function beside({ name, keyframes }) {
  const shift = keyframes.some(({ cx, cy }) => Math.max(cx, cy) + BESIDE > RANGES.cx[1]) ? -BESIDE : BESIDE
  return { name, keyframes: keyframes.map((key) => ({ ...key, cx: key.cx + shift, cy: key.cy + shift })) }
}

/** @param {State} state @returns {State} */
function removed(state) {
  const { ellipses } = state.drawing
  if (ellipses.length === 1) return { ...state, notice: 'lastEllipse' }
  const index = ellipses.indexOf(selectedEllipse(state))
  const left = ellipses.filter((_, k) => k !== index)
  const next = /** @type {Ellipse} */ (left[Math.min(index, left.length - 1)])
  return withDrawing({ ...state, selected: next.id }, { ...state.drawing, ellipses: left })
}

/** @param {State} state @param {number} frame @returns {State} */
function keyRemoved(state, frame) {
  const { id, keyframes } = selectedEllipse(state)
  const left = keyframes.filter((key) => key.frame !== frame)
  if (left.length === keyframes.length) return state
  return left.length === 0 ? { ...state, notice: 'lastKeyframe' } : withKeyframes(state, id, left)
}

/** @param {State} state @param {number} from @param {number} to @param {boolean} copy @returns {State} */
function keyMoved(state, from, to, copy) {
  const { id, keyframes } = selectedEllipse(state)
  const key = keyframes.find(({ frame }) => frame === from)
  const frame = Math.min(Math.max(0, Math.round(to)), MAX_FRAME)
  if (!key || frame === from) return state
  if (keyframes.some((other) => other.frame === frame)) return { ...state, notice: 'frameTaken' }
  const others = copy ? keyframes : keyframes.filter((other) => other !== key)
  return sought(withKeyframes(state, id, [...others, { ...key, frame }]), frame)
}

/** @param {State} state @returns {State} */
function keyPasted(state) {
  if (!state.copied) return state
  const { id, keyframes } = selectedEllipse(state)
  const others = keyframes.filter(({ frame }) => frame !== state.frame)
  return withKeyframes(state, id, [...others, { ...state.copied, frame: state.frame }])
}

/** The way from the keyframe at or before the current frame; before the first, from that one.
 * @param {State} state @param {Ease} ease @returns {State} */
function eased(state, ease) {
  const { id, keyframes } = selectedEllipse(state)
  const ruling = rulingKey(state)
  return withKeyframes(state, id, keyframes.map((key) => (key === ruling ? { ...key, ease } : key)))
}

/** The keyframe whose `ease` rules the current frame. @param {State} state @returns {Keyframe} */
export function rulingKey(state) {
  const { keyframes } = selectedEllipse(state)
  return /** @type {Keyframe} */ (keyframes.findLast(({ frame }) => frame <= state.frame) ?? keyframes[0])
}

/** @param {State} state @param {string} id @param {readonly Keyframe[]} keyframes @returns {State} */
function withKeyframes(state, id, keyframes) {
  if (keyframes.length > MAX_KEYFRAMES) return { ...state, notice: 'fullOfKeyframes' }
  const sorted = keyframes.toSorted((one, other) => one.frame - other.frame)
  return withEllipse(state, id, (ellipse) => ({ ...ellipse, keyframes: sorted }))
}

/** @param {State} state @param {string} id @param {(ellipse: Ellipse) => Ellipse} change @returns {State} */
function withEllipse(state, id, change) {
  const ellipses = state.drawing.ellipses.map((each) => (each.id === id ? change(each) : each))
  return withDrawing(state, { ...state.drawing, ellipses })
}

/** @param {State} state @param {Drawing} drawing @returns {State} */
function withDrawing(state, drawing) {
  return { ...state, drawing }
}

/** @param {State} state @param {1 | -1} by */
function neighbour({ drawing: { ellipses }, selected }, by) {
  const index = ellipses.findIndex(({ id }) => id === selected)
  return ellipses.at((index + by) % ellipses.length)?.id ?? selected
}

/** @param {Drawing} drawing @param {string} id */
function has(drawing, id) {
  return drawing.ellipses.some((ellipse) => ellipse.id === id)
}

/** @param {Drawing} drawing */
function firstId(drawing) {
  return drawing.ellipses[0]?.id ?? ''
}

/** A letter, then `e27` and so on. @param {readonly Ellipse[]} ellipses */
function freeId(ellipses) {
  const taken = new Set(ellipses.map(({ id }) => id))
  for (let k = 0; ; k++) {
    const id = k < 26 ? String.fromCharCode(97 + k) : `e${k + 1}`
    if (!taken.has(id)) return id
  }
}
