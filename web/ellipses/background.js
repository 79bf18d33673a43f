/** The picture behind the drawing: what comes before the node in the graph, a picture of the user's own, or nothing. */

import { drawContained, within } from './canvas.js'
import { fitEllipse, fittedKeyframes } from './fit.js'
import { openFootage, readPicture, sourceKey } from './footage.js'
import { contained } from './geometry.js'
import { FRAMES, latentLength } from './keyframes.js'

/** @typedef {import('./canvas.js').Picture} Picture */
/** @typedef {import('./footage.js').Footage} Footage */
/** @typedef {import('./footage.js').Source} Source */
/** @typedef {import('./state.js').Clip} Clip */

const ALPHA_SIDE = 256
const MOST_FITTED = 256

/** Why there is nothing to fit, as the name of a string. */
export class FitError extends Error {
  /** @param {'noPicture' | 'noAlpha' | 'emptyAlpha'} reason */
  constructor(reason) {
    super(reason)
    this.reason = reason
  }
}

/**
 * @typedef {{ mode: 'graph' | 'own' | 'none', own: Picture | null }} Chosen  kept over an undo
 *
 * @param {Chosen} chosen
 * @param {() => Source | null} upstream
 * @param {() => void} changed
 */
export function createBackground(chosen, upstream, changed) {
  /** @type {Footage | null} */
  let footage = null
  let key = ''
  let asked = ''
  /** @type {Picture | null} */
  let picture = null

  /** @param {Picture | null} next */
  function show(next) {
    if (next === picture) return
    picture = next
    changed()
  }

  /** Looks at the graph again, and at the frame. @param {number} frame @param {Clip} clip */
  async function refresh(frame, { fps }) {
    if (chosen.mode !== 'graph') {
      asked = ''
      return show(chosen.mode === 'own' ? chosen.own : null)
    }
    const source = upstream()
    if (sourceKey(source) !== key) {
      key = sourceKey(source)
      footage?.close()
      footage = source && openFootage(source, () => {
        asked = ''
        changed()
      })
    }
    const mine = `${footage?.still ? 0 : frame} ${key}`
    if (mine === asked) return
    asked = mine
    const next = footage ? await footage.at(frame, fps).catch(() => null) : null
    if (asked === mine) show(next)
  }

  return {
    get picture() { return picture },
    refresh,
    close: () => footage?.close(),

    /** @param {Blob} file */
    async open(file) {
      chosen.own = await readPicture(file)
      chosen.mode = 'own'
    },

    /** The keyframes that follow the alpha of the background. @param {Clip} clip */
    async fit(clip) {
      const source = chosen.mode === 'graph' ? upstream() : null
      const reel = source && openFootage(source) // its own, since the one that is looked at goes elsewhere
      const own = chosen.mode === 'own' ? chosen.own : null
      if (!reel && !own) throw new FitError('noPicture')
      try {
        const count = !reel || reel.still ? 1 : Math.min(MOST_FITTED, latentLength(clip.length))
        const found = []
        let opaque = true
        for (let k = 0; k < count; k++) {
          const alpha = alphaOf(/** @type {Picture} */ (reel ? await reel.at(FRAMES * k, clip.fps) : own), clip)
          opaque &&= alpha.opaque
          found.push(fitEllipse(alpha.cells, alpha.grid, clip))
        }
        if (opaque) throw new FitError('noAlpha')
        const keyframes = fittedKeyframes(found)
        if (keyframes.length === 0) throw new FitError('emptyAlpha')
        return keyframes
      } finally {
        reel?.close()
      }
    },
  }
}

/** The alpha of a picture in the proportions of the frame, and whether the picture is opaque all over.
 * @param {Picture} picture @param {Clip} clip */
function alphaOf(picture, clip) {
  const grid = within(clip, ALPHA_SIDE)
  const canvas = Object.assign(document.createElement('canvas'), grid)
  drawContained(canvas, picture)
  const pixels = canvas.getContext('2d')?.getImageData(0, 0, grid.width, grid.height).data ?? new Uint8ClampedArray()
  const cells = Float64Array.from({ length: grid.width * grid.height }, (_, k) => (pixels[4 * k + 3] ?? 0) / 255)
  const box = contained(picture.size, grid)
  const opaque = cells.every((alpha, k) => {
    const [x, y] = [k % grid.width, Math.floor(k / grid.width)]
    const inside = x >= box.x + 1 && x < box.x + box.width - 2 && y >= box.y + 1 && y < box.y + box.height - 2
    return !inside || alpha > 0.995
  })
  return { cells, grid, opaque }
}
