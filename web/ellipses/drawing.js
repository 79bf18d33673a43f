/**
 * Keyframed ellipses as values, and the JSON that the editor and the nodes exchange.
 *
 * Layout and ranges are those of `pipelines/ellipse/drawing.py`, and so are the words of a refusal; both read
 * `tests/data/ellipse_cases.json`. A text is read as hostile: a limit on everything, no key ignored, no value repaired.
 */

/** @typedef {'linear' | 'ease' | 'hold'} Ease */

/**
 * An ellipse at one moment. `cx, rx` are fractions of the width, `cy, ry` of the height; `angle` is in degrees,
 * clockwise on screen and applied in pixels; `weight` runs from 0 to 1.
 *
 * @typedef {object} Pose
 * @property {number} cx
 * @property {number} cy
 * @property {number} rx
 * @property {number} ry
 * @property {number} angle
 * @property {number} softness
 * @property {number} weight
 */

/** @typedef {Readonly<Pose & { frame: number, ease: Ease }>} Keyframe  `ease` rules the way to the next keyframe. */
/** @typedef {Readonly<{ id: string, name: string, keyframes: readonly Keyframe[] }>} Ellipse  Keyframes in order. */
/** @typedef {Readonly<{ loop: boolean, ellipses: readonly Ellipse[] }>} Drawing  At least one ellipse. */
/** @typedef {readonly [low: number, high: number]} Range */

const VERSION = 1
export const MAX_CHARACTERS = 1_000_000
export const MAX_ELLIPSES = 64
export const MAX_KEYFRAMES = 1_000
export const MAX_FRAME = 1_000_000
const MAX_ID_CHARACTERS = 64
export const MAX_NAME_CHARACTERS = 200

/** @type {readonly Ease[]} */
export const EASES = ['linear', 'ease', 'hold']

/** @type {Readonly<Record<keyof Pose, Range>>} */
export const RANGES = {
  cx: [-10, 10],
  cy: [-10, 10],
  rx: [0.0001, 100],
  ry: [0.0001, 100],
  angle: [-360_000, 360_000],
  softness: [0.01, 10],
  weight: [0, 1],
}

/** Why a text is no drawing: the place, what was expected there, what came. */
export class DrawingError extends Error {}

/**
 * Read the JSON of a drawing; keyframes may come unsorted. Throws DrawingError for anything but a drawing.
 *
 * @param {unknown} text
 * @returns {Drawing}
 */
export function parseDrawing(text) {
  if (typeof text !== 'string') return refuse('drawing', 'JSON as text', text)
  if (isLonger(text, MAX_CHARACTERS)) {
    throw new DrawingError(
      `drawing: expected at most ${MAX_CHARACTERS} characters, got ${text.length}; delete keyframes.`
    )
  }
  const fields = keys(decode(text), 'drawing', ['version', 'ellipses'], ['loop'])
  if (whole(fields.version, 'version', MAX_FRAME) !== VERSION) {
    refuse('version', `version ${VERSION}`, fields.version, 'update the pack to read a newer drawing')
  }
  const items = list(fields.ellipses, 'ellipses', MAX_ELLIPSES, 'ellipses')
  const ellipses = items.map((item, k) => ellipse(item, `ellipses[${k}]`))
  const loop = boolean(absent(fields, 'loop', false), 'loop')
  unique(ellipses.map(({ id }) => id), (k) => `ellipses[${k}].id`, 'each id once')
  return { loop, ellipses }
}

/**
 * The drawing as JSON, every key written; `parseDrawing` gives the same drawing back.
 *
 * @param {Drawing} drawing
 */
export function formatDrawing({ loop, ellipses }) {
  return JSON.stringify({
    version: VERSION,
    loop,
    ellipses: ellipses.map(({ id, name, keyframes }) => ({
      id,
      name,
      keyframes: keyframes.map(({ frame, cx, cy, rx, ry, angle, softness, weight, ease }) => ({
        frame, cx, cy, rx, ry, angle, softness, weight, ease,
      })),
    })),
  })
}

/** @param {string} text */
function decode(text) {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 80) : ''
    throw new DrawingError(`drawing: expected JSON, got ${shown(text)} (${reason}).`)
  }
}

/**
 * @param {unknown} value
 * @param {string} path
 * @returns {Ellipse}
 */
function ellipse(value, path) {
  const fields = keys(value, path, ['id', 'keyframes'], ['name'])
  const items = list(fields.keyframes, `${path}.keyframes`, MAX_KEYFRAMES, 'keyframes')
  const keyframes = items.map((item, k) => keyframe(item, `${path}.keyframes[${k}]`))
  unique(keyframes.map(({ frame }) => frame), (k) => `${path}.keyframes[${k}].frame`, 'each frame once')
  return {
    id: words(fields.id, `${path}.id`, 1, MAX_ID_CHARACTERS),
    name: words(absent(fields, 'name', ''), `${path}.name`, 0, MAX_NAME_CHARACTERS),
    keyframes: keyframes.sort((one, other) => one.frame - other.frame),
  }
}

/**
 * @param {unknown} value
 * @param {string} path
 * @returns {Keyframe}
 */
function keyframe(value, path) {
  const required = ['frame', 'cx', 'cy', 'rx', 'ry']
  const fields = keys(value, path, required, ['angle', 'softness', 'weight', 'ease'])
  /** @param {keyof Pose} key @param {number} [otherwise] */
  const read = (key, otherwise) => number(absent(fields, key, otherwise), `${path}.${key}`, RANGES[key])
  return {
    frame: whole(fields.frame, `${path}.frame`, MAX_FRAME),
    cx: read('cx'),
    cy: read('cy'),
    rx: read('rx'),
    ry: read('ry'),
    angle: read('angle', 0),
    softness: read('softness', 1),
    weight: read('weight', 1),
    ease: easeOf(absent(fields, 'ease', 'linear'), `${path}.ease`),
  }
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {readonly string[]} required
 * @param {readonly string[]} optional
 * @returns {Record<string, unknown>}
 */
function keys(value, path, required, optional) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'an object', value)
  const known = [...required, ...optional]
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new DrawingError(`${path}: expected no keys but ${known.join(', ')}, got ${shown(key)}; remove it.`)
    }
  }
  for (const key of required) {
    if (!Object.hasOwn(value, key)) throw new DrawingError(`${path}: expected the key ${key}, got none; add it.`)
  }
  return /** @type {Record<string, unknown>} */ (value)
}

/**
 * The value of a key, or what stands for it when it was left out; null is a value.
 *
 * @param {Record<string, unknown>} fields
 * @param {string} key
 * @param {unknown} otherwise
 */
function absent(fields, key, otherwise) {
  return Object.hasOwn(fields, key) ? fields[key] : otherwise
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {number} longest
 * @param {string} what
 * @returns {unknown[]}
 */
function list(value, path, longest, what) {
  if (!Array.isArray(value)) return refuse(path, `a list of ${what}`, value)
  if (value.length < 1 || value.length > longest) {
    throw new DrawingError(`${path}: expected 1 to ${longest} ${what}, got ${value.length}.`)
  }
  return value
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {Range} range
 * @returns {number}
 */
function number(value, path, [low, high]) {
  const fits = typeof value === 'number' && low <= value && value <= high
  return fits ? value : refuse(path, `a number from ${low} to ${high}`, value)
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {number} high
 * @returns {number}
 */
function whole(value, path, high) {
  const fits = typeof value === 'number' && Number.isInteger(value) && 0 <= value && value <= high
  return fits ? value : refuse(path, `a whole number from 0 to ${high}`, value)
}

/**
 * @param {unknown} value
 * @param {string} path
 * @returns {boolean}
 */
function boolean(value, path) {
  return typeof value === 'boolean' ? value : refuse(path, 'true or false', value)
}

/**
 * @param {unknown} value
 * @param {string} path
 * @param {number} shortest
 * @param {number} longest
 * @returns {string}
 */
function words(value, path, shortest, longest) {
  const fits = typeof value === 'string' && value.length >= shortest && !isLonger(value, longest)
  return fits ? value : refuse(path, `a text of ${shortest} to ${longest} characters`, value)
}

/**
 * @param {unknown} value
 * @param {string} path
 * @returns {Ease}
 */
function easeOf(value, path) {
  return EASES.find((ease) => ease === value) ?? refuse(path, `one of ${EASES.join(', ')}`, value)
}

/**
 * @param {readonly (string | number)[]} values
 * @param {(k: number) => string} path
 * @param {string} expected
 */
function unique(values, path, expected) {
  const seen = new Set()
  for (const [k, value] of values.entries()) {
    if (seen.has(value)) refuse(path(k), expected, value, 'it was given before')
    seen.add(value)
  }
}

/**
 * Whether a text has more characters than `limit`; pairs of UTF-16 units count as one, as in Python.
 *
 * @param {string} text
 * @param {number} limit
 */
export function isLonger(text, limit) {
  return text.length > 2 * limit || (text.length > limit && [...text].length > limit)
}

/**
 * @param {string} path
 * @param {string} expected
 * @param {unknown} value
 * @param {string} [advice]
 * @returns {never}
 */
function refuse(path, expected, value, advice) {
  throw new DrawingError(`${path}: expected ${expected}, got ${shown(value)}${advice ? `; ${advice}` : ''}.`)
}

/**
 * A value as JSON, short enough to be read in an error.
 *
 * @param {unknown} value
 */
function shown(value) {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 41)) : String(value)
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`
}
