/** Frame sizes that the models were trained for, and ready-made ways of a subject through the frame. */

/** @typedef {import('./drawing.js').Keyframe} Keyframe */
/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {Readonly<{ width: number, height: number, length?: number }>} FrameSize */

/** Wan's four and its 720p, then CogVideoX's and Mochi's with their own length. @type {readonly FrameSize[]} */
export const SIZES = [
  { width: 832, height: 480 },
  { width: 480, height: 832 },
  { width: 640, height: 624 },
  { width: 624, height: 640 },
  { width: 1280, height: 720 },
  { width: 720, height: 480, length: 49 },
  { width: 848, height: 480, length: 79 },
]

/** The length of a size that names none. */
export const LENGTH = 81

/** @param {FrameSize} size */
export function sizeName({ width, height, length }) {
  return length ? `${width}x${height}x${length}` : `${width}x${height}`
}

/** @typedef {typeof MOTIONS[number]['name']} MotionName */

/** One pose stands still; two are the first and the last frame. */
export const MOTIONS = /** @type {const} @satisfies {readonly { name: string, poses: readonly Partial<Pose>[] }[]} */ ([
  { name: 'centred', poses: [{}] },
  { name: 'portrait', poses: [{ cy: 0.6, rx: 0.22, ry: 0.48 }] },
  { name: 'closeUp', poses: [{ rx: 0.42, ry: 0.62 }] },
  { name: 'small', poses: [{ rx: 0.12, ry: 0.2 }] },
  { name: 'leftThird', poses: [{ cx: 1 / 3, rx: 0.2 }] },
  { name: 'rightThird', poses: [{ cx: 2 / 3, rx: 0.2 }] },
  { name: 'leftToRight', poses: [{ cx: 0.2, rx: 0.18 }, { cx: 0.8, rx: 0.18 }] },
  { name: 'rightToLeft', poses: [{ cx: 0.8, rx: 0.18 }, { cx: 0.2, rx: 0.18 }] },
  { name: 'rise', poses: [{ cy: 0.8, rx: 0.18, ry: 0.3 }, { cy: 0.2, rx: 0.18, ry: 0.3 }] },
  { name: 'fall', poses: [{ cy: 0.2, rx: 0.18, ry: 0.3 }, { cy: 0.8, rx: 0.18, ry: 0.3 }] },
  { name: 'approach', poses: [{ rx: 0.1, ry: 0.16 }, { rx: 0.35, ry: 0.55 }] },
  { name: 'enter', poses: [{ weight: 0 }, { weight: 1 }] },
  { name: 'leave', poses: [{ weight: 1 }, { weight: 0 }] },
])

/** @type {Readonly<Pose>} */
const CENTRED = { cx: 0.5, cy: 0.5, rx: 0.25, ry: 0.4, angle: 0, softness: 1, weight: 1 }

/**
 * The keyframes of a preset for a clip of `length` frames.
 *
 * @param {MotionName} name
 * @param {number} length
 * @returns {Keyframe[]}
 */
export function motion(name, length) {
  const poses = MOTIONS.find((each) => each.name === name)?.poses ?? [{}]
  const last = Math.max(0, length - 1)
  const frames = poses.length === 1 || last === 0 ? [0] : [0, last]
  return frames.map((frame, k) => ({ ...CENTRED, ...poses[k], frame, ease: 'linear' }))
}
