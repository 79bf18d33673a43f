/**
 * The frames of one preview, at hand or on their way: bounded stores in front of the host's temp folder.
 *
 * Frames are decoded ahead while there is room, and fetched ahead beyond that.
 */

import { unstacked } from './composite.js'

/** @typedef {import('./composite.js').Pixels} Pixels */
/** @typedef {(name: string) => string} Address  the URL of a file of this preview */
/** @typedef {ReturnType<typeof createFrames>} Frames */

/** Decoded bytes kept at most: 100 frames of 832 x 480. */
const MOST_DECODED = 160_000_000
/** Compressed bytes that are fetched ahead of being asked for. */
const MOST_AHEAD = 200_000_000

/** @param {Address} address */
export function createFrames(address) {
  /** @type {Map<string, Promise<Blob>>} */
  const files = new Map()
  /** Least recently used first. @type {Map<string, { pixels: Promise<Pixels>, bytes: number }>} */
  const decoded = new Map()
  const reader = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const stop = new AbortController()

  /** @param {string} name */
  function file(name) {
    const found = files.get(name) ?? fetched(name)
    files.set(name, found)
    found.catch(() => files.delete(name))
    return found
  }

  /** @param {string} name */
  async function fetched(name) {
    const answer = await fetch(address(name), { signal: stop.signal })
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`)
    return answer.blob()
  }

  /** @param {string} name @returns {Promise<Pixels>} */
  async function decode(name) {
    // as stored: no colour management, nothing multiplied
    const as = /** @type {const} */ ({ premultiplyAlpha: 'none', colorSpaceConversion: 'none' })
    const picture = await createImageBitmap(await file(name), as)
    if (!reader) throw new Error('no canvas')
    const { width, height } = picture
    if (reader.canvas.width !== width || reader.canvas.height !== height) Object.assign(reader.canvas, { width, height })
    reader.drawImage(picture, 0, 0)
    picture.close()
    const read = reader.getImageData(0, 0, width, height)
    const pixels = isStacked(name) ? unstacked(read) : read
    const entry = decoded.get(name)
    if (entry) entry.bytes = pixels.data.length
    trim()
    return pixels
  }

  function bytesDecoded() {
    return [...decoded.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  function trim() {
    let bytes = bytesDecoded()
    for (const [name, entry] of decoded) {
      if (bytes <= MOST_DECODED || decoded.size <= 1) return
      bytes -= entry.bytes
      decoded.delete(name)
    }
  }

  /** One file's pixels. A frame that could not be loaded is asked for again the next time. @param {string} name */
  function get(name) {
    const found = decoded.get(name) ?? { pixels: decode(name), bytes: 0 }
    decoded.delete(name)
    decoded.set(name, found)
    found.pixels.catch(() => decoded.delete(name))
    return found.pixels
  }

  return {
    get,

    /** Decodes files one after the other until there is no room, and fetches more. @param {readonly string[]} names */
    async ahead(names) {
      let [fetched, frame] = [0, 0]
      for (const name of names) {
        await idle()
        if (stop.signal.aborted || fetched > MOST_AHEAD) return
        const room = bytesDecoded() + frame <= MOST_DECODED
        if (room) frame = await get(name).then(({ data }) => data.length, () => 0)
        fetched += await file(name).then(({ size }) => size, () => 0)
      }
    },

    /** Ends what is under way and forgets everything. */
    close() {
      stop.abort()
      files.clear()
      decoded.clear()
    },
  }
}

/** Waits until the page has nothing better to do; a browser that cannot tell goes on with its next task. */
function idle() {
  return new Promise((done) => 'requestIdleCallback' in globalThis ? requestIdleCallback(done) : setTimeout(done))
}

/** Colour and alpha in one file; a plate is colour alone. @param {string} name */
function isStacked(name) {
  return !name.startsWith('plate')
}

/** The file of a frame. @param {'clip' | 'plate' | 'other'} part @param {number} index @param {number} count */
export function fileOf(part, index, count) {
  return `${part}_${String(Math.min(index, count - 1)).padStart(4, '0')}.png`
}
