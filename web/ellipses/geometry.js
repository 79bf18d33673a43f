/**
 * Plane geometry of the editor: ellipses in pixels, what a handle does to them, and the view on the frame.
 *
 * A `Point` is in pixels of the frame, x to the right and y down, unless it is called a place: those are in layout
 * pixels of the stage. Angles are degrees, clockwise on screen. Every function is pure.
 */

import { RANGES } from './drawing.js'

/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {import('./field.js').Size} Size */
/** @typedef {Readonly<{ x: number, y: number }>} Point */
/** @typedef {'nw' | 'ne' | 'sw' | 'se'} Corner */
/** @typedef {'move' | Corner | 'rotate' | 'softness'} Handle */
/** @typedef {Readonly<{ cx: number, cy: number, rx: number, ry: number, angle: number }>} Shape  in pixels */
/** @typedef {Readonly<{ scale: number, x: number, y: number }>} View  place = point * scale + (x, y) */

/** @type {readonly Corner[]} */
export const CORNERS = ['nw', 'ne', 'sw', 'se']

/** Which way from the centre a corner lies. @type {Readonly<Record<Corner, Point>>} */
export const TOWARDS = { nw: { x: -1, y: -1 }, ne: { x: 1, y: -1 }, sw: { x: -1, y: 1 }, se: { x: 1, y: 1 } }

export const SNAP_DEGREES = 15

/** The smallest semi-axis that the pointer can make, in pixels. */
const SMALLEST_AXIS = 1

const ZOOMS = /** @type {const} */ ([0.05, 32])
const MARGIN = 16

/** @param {Pose} pose @param {Size} size @returns {Shape} */
export function shapeOf({ cx, cy, rx, ry, angle }, { width, height }) {
  return { cx: cx * width, cy: cy * height, rx: rx * width, ry: ry * height, angle }
}

/** The place and size of a shape as they stand in a pose. @param {Shape} shape @param {Size} size */
export function poseOf({ cx, cy, rx, ry, angle }, { width, height }) {
  return { cx: cx / width, cy: cy / height, rx: rx / width, ry: ry / height, angle }
}

/** @param {Point} point @param {number} degrees @returns {Point} */
export function turned({ x, y }, degrees) {
  const turn = (degrees * Math.PI) / 180
  const cos = Math.cos(turn)
  const sin = Math.sin(turn)
  return { x: x * cos - y * sin, y: x * sin + y * cos }
}

/** A point as seen from the shape's centre, along its axes. @param {Shape} shape @param {Point} point */
export function toLocal(shape, { x, y }) {
  return turned({ x: x - shape.cx, y: y - shape.cy }, -shape.angle)
}

/** @param {Shape} shape @param {Point} local @returns {Point} */
export function fromLocal(shape, local) {
  const { x, y } = turned(local, shape.angle)
  return { x: shape.cx + x, y: shape.cy + y }
}

/** @param {Shape} shape @param {Point} point */
export function contains(shape, point) {
  const { x, y } = toLocal(shape, point)
  return (x / shape.rx) ** 2 + (y / shape.ry) ** 2 <= 1
}

/** @param {Shape} shape @param {Point} by @returns {Shape} */
export function moved(shape, by) {
  return { ...shape, cx: shape.cx + by.x, cy: shape.cy + by.y }
}

/**
 * A corner of the shape's box dragged by a distance: the opposite corner stays, or with `centred` the centre does;
 * with `ratio` the box keeps its proportions. A box never turns inside out.
 *
 * @param {Shape} shape
 * @param {Corner} corner
 * @param {Point} by
 * @param {Readonly<{ ratio?: boolean, centred?: boolean }>} [how]
 * @returns {Shape}
 */
export function resized(shape, corner, by, { ratio = false, centred = false } = {}) {
  const way = TOWARDS[corner]
  const local = turned(by, -shape.angle)
  const share = centred ? 1 : 0.5
  let rx = Math.max(SMALLEST_AXIS, shape.rx + local.x * way.x * share)
  let ry = Math.max(SMALLEST_AXIS, shape.ry + local.y * way.y * share)
  if (ratio) {
    // how far the corner has come along the box's diagonal
    const diagonal = shape.rx ** 2 + shape.ry ** 2
    const least = SMALLEST_AXIS / Math.min(shape.rx, shape.ry)
    const factor = Math.max(least, (rx * shape.rx + ry * shape.ry) / diagonal)
    rx = shape.rx * factor
    ry = shape.ry * factor
  }
  if (centred) return { ...shape, rx, ry }
  const centre = fromLocal(shape, { x: (rx - shape.rx) * way.x, y: (ry - shape.ry) * way.y })
  return { ...shape, cx: centre.x, cy: centre.y, rx, ry }
}

/** The shape turned about its centre; with `snap` to a whole multiple of 15 degrees. @param {Shape} shape
 * @param {number} degrees @param {boolean} [snap] @returns {Shape} */
export function rotated(shape, degrees, snap = false) {
  const angle = shape.angle + degrees
  return { ...shape, angle: snap ? Math.round(angle / SNAP_DEGREES) * SNAP_DEGREES : angle }
}

/** The way from one direction to another about a centre, -180 to 180 degrees. @param {Point} centre @param {Point} from
 * @param {Point} to */
export function turnBetween(centre, from, to) {
  /** @param {Point} point */
  const direction = ({ x, y }) => (Math.atan2(y - centre.y, x - centre.x) * 180) / Math.PI
  const turn = direction(to) - direction(from)
  return turn - 360 * Math.round(turn / 360)
}

/** The softness whose ring passes through a point dragged along the shape's own x axis. @param {Shape} shape
 * @param {number} softness @param {Point} by */
export function softened(shape, softness, by) {
  const [low, high] = RANGES.softness
  const local = turned(by, -shape.angle)
  return Math.min(high, Math.max(low, softness + local.x / shape.rx))
}

/** The view that shows the whole frame in the middle of the stage. @param {Size} size @param {Size} stage
 * @returns {View} */
export function fitted(size, stage) {
  const room = { width: Math.max(1, stage.width - 2 * MARGIN), height: Math.max(1, stage.height - 2 * MARGIN) }
  const scale = Math.min(room.width / size.width, room.height / size.height)
  return { scale, x: (stage.width - size.width * scale) / 2, y: (stage.height - size.height * scale) / 2 }
}

/** The view a factor closer, about a place that keeps its point. @param {View} view @param {Point} place
 * @param {number} factor @returns {View} */
export function zoomed(view, place, factor) {
  const scale = Math.min(ZOOMS[1], Math.max(ZOOMS[0], view.scale * factor))
  const grown = scale / view.scale
  return { scale, x: place.x - (place.x - view.x) * grown, y: place.y - (place.y - view.y) * grown }
}

/** @param {View} view @param {Point} by @returns {View} */
export function panned(view, by) {
  return { ...view, x: view.x + by.x, y: view.y + by.y }
}

/** @param {View} view @param {Point} point @returns {Point} */
export function toPlace(view, { x, y }) {
  return { x: x * view.scale + view.x, y: y * view.scale + view.y }
}

/** @param {View} view @param {Point} place @returns {Point} */
export function toPoint(view, { x, y }) {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale }
}

/**
 * The largest rectangle of a picture's proportions inside a frame, in the middle.
 *
 * @param {Size} picture
 * @param {Size} frame
 */
export function contained(picture, frame) {
  const scale = Math.min(frame.width / picture.width, frame.height / picture.height)
  const width = picture.width * scale
  const height = picture.height * scale
  return { x: (frame.width - width) / 2, y: (frame.height - height) / 2, width, height }
}
