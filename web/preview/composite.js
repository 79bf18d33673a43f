/**
 * What the player shows of one RGBA frame: over a backdrop, alpha alone, colour alone, or its difference to another clip.
 *
 * Files come stacked, colour above and alpha as grey below, because a browser's canvas forgets the colour of pixels that
 * are transparent; `unstacked` joins the halves. All values are 8 bit, straight, sRGB; every division rounds. Four bytes
 * are worked on as one word, red in the lowest byte: every machine with a browser counts bytes from the low end.
 */

/** @typedef {{ readonly width: number, readonly height: number, readonly data: Uint8ClampedArray }} Pixels */
/** @typedef {'over' | 'alpha' | 'rgb' | 'difference'} View */
/** @typedef {readonly [number, number, number]} Color */
/** @typedef {{ readonly r: number, readonly g: number, readonly b: number, readonly a: number }} Value */

/** Squares of the checkerboard in pixels, and its two greys: the same as in the files that the pack writes. */
export const SQUARE = 16
export const LIGHT = 204
export const DARK = 153

/** How much a difference is brightened, so that one level of 255 can be seen. */
export const GAIN = 4

const OPAQUE = 0xff000000
const EVEN = 0xff00ff
const HALVES = 0x800080

/** A stacked picture (W x 2H) as one frame of straight RGBA (W x H). @param {Pixels} stacked @returns {Pixels} */
export function unstacked({ width, height, data }) {
  const pixels = data.slice(0, data.length / 2)
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = byte(data, pixels.length + at - 1)
  return { width, height: height / 2, data: pixels }
}

/** @param {number} width @param {number} height @param {Color} color @returns {Pixels} */
export function plain(width, height, [red, green, blue]) {
  const data = new Uint8ClampedArray(width * height * 4)
  words(data).fill(packed(red, green, blue))
  return { width, height, data }
}

/** @param {number} width @param {number} height @returns {Pixels} */
export function checkerboard(width, height) {
  const data = new Uint8ClampedArray(width * height * 4)
  const pixels = words(data)
  const greys = [packed(LIGHT, LIGHT, LIGHT), packed(DARK, DARK, DARK)]
  for (let at = 0; at < pixels.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)]
    pixels[at] = word(greys, (Math.floor(x / SQUARE) + Math.floor(y / SQUARE)) % 2)
  }
  return { width, height, data }
}

/**
 * Fills `out` with a view of `frame`; all pictures are of one size.
 *
 * @param {Pixels} out
 * @param {Pixels} frame
 * @param {View} view
 * @param {Pixels | null} backdrop  for `over`, opaque
 * @param {Pixels | null} other  for `difference`; none is an empty clip
 */
export function compose(out, frame, view, backdrop, other) {
  const [to, front] = [words(out.data), words(frame.data)]
  if (view === 'difference') difference(out.data, frame.data, other?.data)
  else if (view === 'over' && backdrop) over(to, front, words(backdrop.data))
  else if (view === 'alpha') for (let at = 0; at < to.length; at++) to[at] = grey(word(front, at) >>> 24)
  else for (let at = 0; at < to.length; at++) to[at] = word(front, at) | OPAQUE
}

/**
 * Colour and alpha of one pixel, 0 to 255.
 *
 * @param {Pixels} frame
 * @param {number} x
 * @param {number} y
 * @returns {Value | null}  null outside the frame
 */
export function valueAt({ width, height, data }, x, y) {
  if (x < 0 || y < 0 || x >= width || y >= height) return null
  const at = (y * width + x) * 4
  return { r: byte(data, at), g: byte(data, at + 1), b: byte(data, at + 2), a: byte(data, at + 3) }
}

/** Without a branch, so that every frame takes the same time. @param {Uint32Array} to @param {Uint32Array} front
 * @param {Uint32Array} behind */
function over(to, front, behind) {
  for (let at = 0; at < to.length; at++) {
    const near = word(front, at)
    const far = word(behind, at)
    const alpha = near >>> 24
    to[at] = mixed(near, far, alpha) | (mixed(near >>> 8, far >>> 8, alpha) << 8) | OPAQUE
  }
}

/** Bytes 0 and 2 of two words, mixed in one go and divided by 255, rounded. @param {number} near @param {number} far
 * @param {number} alpha */
function mixed(near, far, alpha) {
  const sum = (Math.imul(near & EVEN, alpha) + Math.imul(far & EVEN, 255 - alpha) + HALVES) | 0
  return ((sum + ((sum >>> 8) & EVEN)) >>> 8) & EVEN
}

/** The larger of the difference in premultiplied colour and in alpha, brightened. @param {Uint8ClampedArray} to
 * @param {Uint8ClampedArray} frame @param {Uint8ClampedArray | undefined} other */
function difference(to, frame, other) {
  for (let at = 0; at < to.length; at += 4) {
    const alpha = byte(frame, at + 3)
    const otherAlpha = other ? byte(other, at + 3) : 0
    for (let channel = at; channel < at + 3; channel++) {
      const here = rounded(byte(frame, channel) * alpha)
      const there = other ? rounded(byte(other, channel) * otherAlpha) : 0
      to[channel] = GAIN * Math.max(Math.abs(here - there), Math.abs(alpha - otherAlpha))
    }
    to[at + 3] = 255
  }
}

/** @param {Uint8ClampedArray} data */
function words(data) {
  return new Uint32Array(data.buffer, data.byteOffset, data.length / 4)
}

/** @param {number} red @param {number} green @param {number} blue */
function packed(red, green, blue) {
  return red | (green << 8) | (blue << 16) | OPAQUE
}

/** @param {number} level */
function grey(level) {
  return packed(level, level, level)
}

/** @param {Uint8ClampedArray} data @param {number} at */
function byte(data, at) {
  return /** @type {number} */ (data[at])
}

/** @param {Uint32Array | readonly number[]} data @param {number} at */
function word(data, at) {
  return /** @type {number} */ (data[at])
}

/** A product of two bytes, or a sum of such, divided by 255: exact for every such sum. @param {number} product */
function rounded(product) {
  return Math.imul(product + 127, 0x8081) >>> 23
}
