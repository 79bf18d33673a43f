/** Pictures to draw over: a still, a row of stills, or a video, each asked for the picture at a frame. */

/** @typedef {import('./canvas.js').Picture} Picture */
/** @typedef {{ kind: 'images', urls: readonly string[] } | { kind: 'video', url: string }} Source */
/** @typedef {{ still: boolean, at: (frame: number, fps: number) => Promise<Picture>, close: () => void }} Footage */

const KEPT = 48
/** How long a frame is waited for: a seek within one frame of the video presents nothing new. */
const SOON_MS = 500
const AT_LAST_MS = 3000
/** When a picture whose frame no browser has told of is asked for again: a busy one may tell of none. */
const AGAIN_MS = [1000, 3000, 9000]

/**
 * @param {Source} source
 * @param {() => void} [late]  a busy browser has presented a frame after the picture was taken: ask again. Without it a
 *   frame is waited for longer
 * @returns {Footage}
 */
export function openFootage(source, late) {
  return source.kind === 'video' ? video(source.url, late) : images(source.urls)
}

/** @param {Source | null} source */
export function sourceKey(source) {
  return source === null ? '' : source.kind === 'video' ? source.url : source.urls.join('\n')
}

/** A picture of the user's own. @param {Blob} file @returns {Promise<Picture>} */
export async function readPicture(file) {
  const url = URL.createObjectURL(file)
  try {
    return await loadImage(url)
  } finally {
    URL.revokeObjectURL(url)
  }
}

/** Picture n at frame n, the last one after the last. @param {readonly string[]} urls @returns {Footage} */
function images(urls) {
  /** @type {Map<string, Promise<Picture>>} */
  const loaded = new Map()
  return {
    still: urls.length === 1,
    at(frame) {
      const url = /** @type {string} */ (urls[Math.min(frame, urls.length - 1)])
      const known = loaded.get(url) ?? loadImage(url)
      known.catch(() => loaded.delete(url)) // to be asked for again
      loaded.delete(url)
      loaded.set(url, known)
      const [oldest] = loaded.keys()
      if (loaded.size > KEPT && oldest !== undefined) loaded.delete(oldest)
      return known
    },
    close: () => loaded.clear(),
  }
}

/** @param {string} url @returns {Promise<Picture>} */
async function loadImage(url) {
  const image = new Image()
  image.src = url
  await image.decode()
  return { source: image, size: { width: image.naturalWidth, height: image.naturalHeight } }
}

/** A video shows one moment at a time: the last one that was asked for, what was asked before it is skipped.
 * @param {string} url @param {() => void} [late] @returns {Footage} */
function video(url, late) {
  const element = Object.assign(document.createElement('video'), { src: url, muted: true, preload: 'auto' })
  /** @type {Promise<unknown>} */
  let queue = happens(element, 'loadeddata')
  let newest = 0
  let mediaTime = NaN
  let closed = false
  /** @type {(() => void) | undefined} */
  let presented
  const look = () => element.requestVideoFrameCallback?.((_, frame) => {
    look()
    mediaTime = frame.mediaTime
    presented?.()
  })
  look()

  /** Goes to a time and waits until its frame can be drawn: right after a seek the old one still stands there.
   * @param {number} time @param {number} near @returns {Promise<boolean>} whether the browser has told of the frame */
  async function seek(time, near) {
    const before = mediaTime
    let sought = false
    /** @type {Promise<void>} */
    const shown = new Promise((resolve) => {
      presented = () => {
        if (Math.abs(mediaTime - time) <= near || (sought && mediaTime !== before)) resolve()
      }
    })
    element.currentTime = time
    await happens(element, 'seeked')
    sought = true
    const waited = new Promise((resolve) => setTimeout(resolve, late ? SOON_MS : AT_LAST_MS))
    return Promise.race([shown.then(() => true), waited.then(() => false)])
  }

  /** @param {number} time */
  function askAgain(time) {
    const stands = () => !closed && Math.abs(element.currentTime - time) <= 1e-4
    for (const wait of AGAIN_MS) setTimeout(() => stands() && late?.(), wait)
  }

  return {
    still: false,
    at(frame, fps) {
      const number = ++newest
      const mine = queue.then(async () => {
        if (number !== newest) throw new DOMException('another frame was asked for', 'AbortError')
        const time = Math.min((frame + 0.5) / fps, Math.max(0, element.duration - 0.5 / fps))
        if (Math.abs(element.currentTime - time) > 1e-4 && !(await seek(time, 1 / fps))) askAgain(time)
        presented = late // what comes from now on is not in the picture
        const source = await createImageBitmap(element)
        return { source, size: { width: source.width, height: source.height } }
      })
      queue = mine.catch(() => undefined)
      return mine
    },
    close() {
      closed = true
      presented = undefined
      element.removeAttribute('src')
      element.load() // gives the connection back, of which a browser has few
    },
  }
}

/** @param {HTMLVideoElement} element @param {string} what @returns {Promise<void>} */
function happens(element, what) {
  return new Promise((resolve, reject) => {
    element.addEventListener(what, () => resolve(), { once: true })
    element.addEventListener('error', () => reject(element.error), { once: true })
  })
}
