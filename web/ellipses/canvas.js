/** Pixels: the tint of the empty region, and pictures in the proportions of the frame. */

import { contained } from './geometry.js'

/** @typedef {import('./field.js').Size} Size */
/** @typedef {Readonly<{ source: CanvasImageSource, size: Size }>} Picture */

const TINT = /** @type {const} */ ([224, 49, 104])
const STRENGTH = 0.42

/** The field as a tint that is clear on the subject. @param {Float64Array} field @param {Size} grid */
export function emptiness(field, { width, height }) {
  const picture = new ImageData(width, height)
  const pixels = picture.data
  for (let k = 0, p = 0; k < field.length; k++, p += 4) {
    pixels[p] = TINT[0]
    pixels[p + 1] = TINT[1]
    pixels[p + 2] = TINT[2]
    pixels[p + 3] = 255 * STRENGTH * (1 - /** @type {number} */ (field[k]))
  }
  return picture
}

/** @param {HTMLCanvasElement} canvas @param {Size} size */
export function resize(canvas, { width, height }) {
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
}

/** A size of the same proportions whose long side is at most `longest`. @param {Size} size @param {number} longest */
export function within({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** Draws a picture as large as it fits, in the middle. @param {HTMLCanvasElement} canvas @param {Picture} picture */
export function drawContained(canvas, { source, size }) {
  const context = canvas.getContext('2d', { willReadFrequently: canvas.width <= 512 })
  const { x, y, width, height } = contained(size, canvas)
  context?.clearRect(0, 0, canvas.width, canvas.height)
  context?.drawImage(source, x, y, width, height)
}
