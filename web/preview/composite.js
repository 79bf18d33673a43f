/**
 * What the player shows of one RGBA frame: over a backdrop, alpha alone, colour alone, or its difference to another clip.
 *
 * Frames come stacked, colour above and alpha as grey below, because a browser's canvas forgets the colour of pixels that
 * are transparent. All values are 8 bit, straight, sRGB; every division rounds.
 */

/** @typedef {{ readonly width: number, readonly height: number, readonly data: Uint8ClampedArray }} Pixels */
/** @typedef {'over' | 'alpha' | 'rgb' | 'difference'} View */
/** @typedef {readonly [number, number, number]} Color */
/** @typedef {'checkerboard' | Color | Pixels} Backdrop */
/** @typedef {{ readonly r: number, readonly g: number, readonly b: number, readonly a: number }} Value */

/** Squares of the checkerboard in pixels, and its two greys: the same as in the files that the pack writes. */
export const SQUARE = 16
export const LIGHT = 204
export const DARK = 153

/** How much a difference is brightened, so that one level of 255 can be seen. */
export const GAIN = 4

/**
 * Fills `out` (W x H) with a view of `frame` (stacked, W x 2H).
 *
 * @param {Pixels} out
 * @param {Pixels} frame
 * @param {View} view
 * @param {Backdrop} backdrop  for `over`
 * @param {Pixels | null} other  for `difference`: stacked, of the same size; none is an empty clip
 */
export function compose(out, frame, view, backdrop, other) {
  if (view === 'over') over(out, frame, backdrop)
  else if (view === 'difference') difference(out, frame, other)
  else copy(out, frame, view === 'alpha' ? out.data.length : 0)
}

/**
 * Colour and alpha of one pixel, 0 to 255.
 *
 * @param {Pixels} frame  stacked
 * @param {number} x
 * @param {number} y
 * @returns {Value | null}  null outside the frame
 */
export function valueAt(frame, x, y) {
  const height = frame.height / 2
  if (x < 0 || y < 0 || x >= frame.width || y >= height) return null
  const at = (y * frame.width + x) * 4
  const { data } = frame
  return { r: byte(data, at), g: byte(data, at + 1), b: byte(data, at + 2), a: byte(data, at + half(frame)) }
}

/** @param {Pixels} out @param {Pixels} frame @param {Backdrop} backdrop */
function over(out, frame, backdrop) {
  const { data, width } = out
  const [above, below] = [frame.data, half(frame)]
  const plate = 'object' === typeof backdrop && 'data' in backdrop ? backdrop.data : null
  const color = Array.isArray(backdrop) ? /** @type {Color} */ (backdrop) : null
  let [red, green, blue] = color ?? [0, 0, 0]
  for (let at = 0, x = 0, y = 0; at < data.length; at += 4) {
    if (plate) [red, green, blue] = [byte(plate, at), byte(plate, at + 1), byte(plate, at + 2)]
    else if (!color) red = green = blue = checker(x, y)
    const alpha = byte(above, at + below)
    const rest = 255 - alpha
    data[at] = rounded(byte(above, at) * alpha + red * rest)
    data[at + 1] = rounded(byte(above, at + 1) * alpha + green * rest)
    data[at + 2] = rounded(byte(above, at + 2) * alpha + blue * rest)
    data[at + 3] = 255
    if (++x === width) [x, y] = [0, y + 1]
  }
}

/** The larger of the difference in premultiplied colour and in alpha, brightened. @param {Pixels} out
 * @param {Pixels} frame @param {Pixels | null} other */
function difference(out, frame, other) {
  const { data } = out
  const below = half(frame)
  for (let at = 0; at < data.length; at += 4) {
    const alpha = byte(frame.data, at + below)
    const otherAlpha = other ? byte(other.data, at + below) : 0
    for (let channel = 0; channel < 3; channel++) {
      const here = rounded(byte(frame.data, at + channel) * alpha)
      const there = other ? rounded(byte(other.data, at + channel) * otherAlpha) : 0
      data[at + channel] = GAIN * Math.max(Math.abs(here - there), Math.abs(alpha - otherAlpha))
    }
    data[at + 3] = 255
  }
}

/** @param {Pixels} out @param {Pixels} frame @param {number} from */
function copy(out, frame, from) {
  out.data.set(frame.data.subarray(from, from + out.data.length))
}

/** @param {number} x @param {number} y */
function checker(x, y) {
  return (((x / SQUARE) | 0) + ((y / SQUARE) | 0)) % 2 === 0 ? LIGHT : DARK
}

/** Where the lower half begins. @param {Pixels} frame */
function half(frame) {
  return frame.data.length / 2
}

/** @param {Uint8ClampedArray} data @param {number} at */
function byte(data, at) {
  return /** @type {number} */ (data[at])
}

/** A product of two bytes, or a sum of such, divided by 255. @param {number} product */
function rounded(product) {
  return ((product + 127) / 255) | 0
}
