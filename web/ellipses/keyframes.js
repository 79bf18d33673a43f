/**
 * Where an ellipse is at a frame, between its keyframes: the rules of `pipelines/ellipse/keyframes.py`.
 *
 * Before the first keyframe and after the last the value holds. With `loop` time runs in a circle of `length` frames
 * and the last keyframe leads to the first one; a keyframe at or after that one is never reached. The angle is a plain
 * number.
 */

/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {import('./drawing.js').Keyframe} Keyframe */
/** @typedef {import('./drawing.js').Ellipse} Ellipse */

/** Pixel frames in each latent frame but the first, which has one. */
export const FRAMES = 4

/** @type {readonly (keyof Pose)[]} */
export const POSE_KEYS = ['cx', 'cy', 'rx', 'ry', 'angle', 'softness', 'weight']

/**
 * The ellipse at `frame`, whole or fractional, of a clip of `length` frames.
 *
 * @param {Ellipse} ellipse
 * @param {number} frame
 * @param {number} length
 * @param {boolean} loop
 * @returns {Pose}
 */
export function poseAt({ keyframes }, frame, length, loop) {
  const first = /** @type {Keyframe} */ (keyframes[0])
  const now = loop ? first.frame + modulo(frame - first.frame, length) : frame
  const index = keyframes.findLastIndex((each) => each.frame <= now)
  const start = keyframes[index]
  if (!start) return between(first, first, 0)
  const round = first.frame + length
  const next = keyframes[index + 1]
  if (next && (!loop || next.frame < round)) return between(start, next, progress(start, now, next.frame))
  return loop ? between(start, first, progress(start, now, round)) : between(start, start, 0)
}

/**
 * How far the way from a keyframe to the frame of the next has come, 0 to 1, eased.
 *
 * @param {Keyframe} start
 * @param {number} frame
 * @param {number} end
 */
function progress(start, frame, end) {
  const u = (frame - start.frame) / (end - start.frame)
  if (start.ease === 'hold') return 0
  return start.ease === 'ease' ? u * u * (3 - 2 * u) : u
}

/**
 * @param {Pose} start
 * @param {Pose} end
 * @param {number} u
 * @returns {Pose}
 */
function between(start, end, u) {
  /** @param {keyof Pose} key */
  const mix = (key) => start[key] + (end[key] - start[key]) * u
  return {
    cx: mix('cx'),
    cy: mix('cy'),
    rx: mix('rx'),
    ry: mix('ry'),
    angle: mix('angle'),
    softness: mix('softness'),
    weight: mix('weight'),
  }
}

/** The latent frame that a pixel frame belongs to. @param {number} frame */
export function latentFrame(frame) {
  return Math.ceil(frame / FRAMES)
}

/** How many latent frames a clip has. @param {number} length */
export function latentLength(length) {
  return latentFrame(Math.max(1, length) - 1) + 1
}

/** @param {number} value @param {number} by */
function modulo(value, by) {
  return ((value % by) + by) % by
}
