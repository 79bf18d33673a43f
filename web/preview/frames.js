/**
 * The frames of one preview, at hand or on their way: bounded stores in front of the host's temp folder.
 *
 * Files are fetched ahead and kept compressed; only the frames around the one that is shown are kept decoded.
 */

/** @typedef {import('./composite.js').Pixels} Pixels */
/** @typedef {(name: string) => string} Address  the URL of a file of this preview */
/** @typedef {ReturnType<typeof createFrames>} Frames */

/** Decoded bytes kept at most: 12 stacked frames of 832 x 480. */
const MOST_DECODED = 80_000_000
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
    const pixels = reader.getImageData(0, 0, width, height)
    const entry = decoded.get(name)
    if (entry) entry.bytes = pixels.data.length
    trim()
    return pixels
  }

  function trim() {
    let bytes = [...decoded.values()].reduce((sum, entry) => sum + entry.bytes, 0)
    for (const [name, entry] of decoded) {
      if (bytes <= MOST_DECODED || decoded.size <= 1) return
      bytes -= entry.bytes
      decoded.delete(name)
    }
  }

  return {
    /** One file's pixels. A frame that could not be loaded is asked for again the next time. @param {string} name */
    get(name) {
      const found = decoded.get(name) ?? { pixels: decode(name), bytes: 0 }
      decoded.delete(name)
      decoded.set(name, found)
      found.pixels.catch(() => decoded.delete(name))
      return found.pixels
    },

    /** Fetches files one after the other, until they are many. @param {readonly string[]} names */
    async ahead(names) {
      let bytes = 0
      for (const name of names) {
        if (stop.signal.aborted || bytes > MOST_AHEAD) return
        bytes += await file(name).then((blob) => blob.size, () => 0)
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

/** The file of a frame. @param {'clip' | 'plate' | 'other'} part @param {number} index @param {number} count */
export function fileOf(part, index, count) {
  return `${part}_${String(Math.min(index, count - 1)).padStart(4, '0')}.png`
}
