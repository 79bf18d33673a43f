/**
 * Ellipses for an alpha channel by its moments: a filled ellipse is found again exactly, whatever its angle.
 *
 * Range    alpha 0..1 per cell, rows from the top; the result in fractions of the frame.
 * Source   The covariance of a filled ellipse has the eigenvalues a^2 / 4 and b^2 / 4 along its axes.
 * Differs  `RGBAFitEllipses` computes the reference's own fit on the latent grid; this one is for the drawing board.
 */

import { FRAMES } from './keyframes.js'

/** @typedef {import('./drawing.js').Keyframe} Keyframe */
/** @typedef {import('./field.js').Size} Size */
/** @typedef {Readonly<{ cx: number, cy: number, rx: number, ry: number, angle: number }>} Found */

/** Alpha at or below it is taken for empty. */
const THRESHOLD = 0.1

const SMALLEST_AXIS_CELLS = 0.5

/**
 * The ellipse of one alpha picture, or null where nothing is opaque.
 *
 * @param {ArrayLike<number>} alpha
 * @param {Size} grid
 * @param {Size} frame  in pixels, in whose proportions the angle is meant
 * @returns {Found | null}
 */
export function fitEllipse(alpha, grid, frame) {
  const cell = { x: frame.width / grid.width, y: frame.height / grid.height }
  let mass = 0
  let [sumX, sumY, sumXX, sumXY, sumYY] = [0, 0, 0, 0, 0]
  for (let k = 0; k < grid.width * grid.height; k++) {
    const weight = /** @type {number} */ (alpha[k])
    if (!(weight > THRESHOLD)) continue
    const x = ((k % grid.width) + 0.5) * cell.x
    const y = (Math.floor(k / grid.width) + 0.5) * cell.y
    mass += weight
    sumX += weight * x
    sumY += weight * y
    sumXX += weight * x * x
    sumXY += weight * x * y
    sumYY += weight * y * y
  }
  if (mass === 0) return null
  const [cx, cy] = [sumX / mass, sumY / mass]
  const [xx, xy, yy] = [sumXX / mass - cx * cx, sumXY / mass - cx * cy, sumYY / mass - cy * cy]
  const middle = (xx + yy) / 2
  const spread = Math.hypot((xx - yy) / 2, xy)
  const smallest = SMALLEST_AXIS_CELLS * Math.max(cell.x, cell.y)
  /** @param {number} variance */
  const axis = (variance) => Math.max(smallest, 2 * Math.sqrt(Math.max(0, variance)))
  return {
    cx: cx / frame.width,
    cy: cy / frame.height,
    rx: axis(middle + spread) / frame.width,
    ry: axis(middle - spread) / frame.height,
    angle: (Math.atan2(2 * xy, xx - yy) * 90) / Math.PI,
  }
}

/**
 * Latent frame k becomes a keyframe at pixel frame 4k. An empty frame is a keyframe of weight 0 with the shape of the
 * nearest that has one; angles go on within a quarter turn. Empty when every frame is. A still gives one keyframe.
 *
 * @param {readonly (Found | null)[]} frames
 * @returns {Keyframe[]}
 */
export function fittedKeyframes(frames) {
  const seen = [...frames.keys()].filter((k) => frames[k])
  let angle = 0
  return seen.length === 0 ? [] : frames.map((found, k) => {
    const nearest = seen.reduce((best, other) => (Math.abs(other - k) < Math.abs(best - k) ? other : best))
    const shape = /** @type {Found} */ (frames[nearest])
    angle = shape.angle + 180 * Math.round((angle - shape.angle) / 180)
    return { ...shape, frame: FRAMES * k, angle, softness: 1, weight: found ? 1 : 0, ease: 'linear' }
  })
}
