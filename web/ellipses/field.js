/**
 * The Gaussian field of a drawing, 1 at the centre of an ellipse and 0 where the frame is empty: the formula of
 * `pipelines/ellipse/field.py`, G = exp(-((x'/sx)^2 + (y'/sy)^2) / 2) less its floor, times the weight.
 *
 * Layout: one Float64Array of rows, sampled at the cells' centres ((i + 0.5) / width, (j + 0.5) / height).
 */

/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {Readonly<{ width: number, height: number }>} Size */

/** Pixels along each side of a latent cell. */
const CELL = 8

/** More cells than this make no better picture. */
const MOST_CELLS = 20_000

/**
 * The field of one ellipse. The lengths of a pose are fractions, so on a coarser grid it is the same picture.
 *
 * @param {Pose} pose
 * @param {Size} grid  its shape must be the frame's, since the angle turns in pixels
 */
export function field(pose, { width, height }) {
  const turn = (pose.angle * Math.PI) / 180
  const cos = Math.cos(turn)
  const sin = Math.sin(turn)
  const sigmaX = pose.rx * width * pose.softness
  const sigmaY = pose.ry * height * pose.softness
  const cells = new Float64Array(width * height)
  let lowest = 0
  for (let j = 0, k = 0; j < height; j++) {
    const y = j + 0.5 - pose.cy * height
    for (let i = 0; i < width; i++, k++) {
      const x = i + 0.5 - pose.cx * width
      const along = (x * cos + y * sin) / sigmaX
      const across = (y * cos - x * sin) / sigmaY
      const exponent = -(along * along + across * across) / 2
      cells[k] = exponent
      if (exponent < lowest) lowest = exponent
    }
  }
  const floor = Math.expm1(lowest)
  if (floor === 0) return cells.fill(pose.weight)
  // (G - min) / (1 - min) by way of G - 1, which keeps its digits where G is close to 1
  return cells.map((exponent) => (1 - Math.expm1(exponent) / floor) * pose.weight)
}

/**
 * The latent grid of a frame; of a very large frame, a coarser one.
 *
 * @param {Size} frame
 * @returns {Size}
 */
export function latentGrid({ width, height }) {
  const cell = Math.max(CELL, Math.sqrt((width * height) / MOST_CELLS))
  return { width: Math.max(1, Math.round(width / cell)), height: Math.max(1, Math.round(height / cell)) }
}

/** A source of whole fields that computes again only the ellipses that have changed since the last one. */
export function fieldPainter() {
  /** @type {Map<string, { key: string, cells: Float64Array }>} */
  let known = new Map()

  /**
   * The maximum over the ellipses' fields.
   *
   * @param {readonly (readonly [id: string, pose: Pose])[]} poses
   * @param {Size} grid
   */
  return function paint(poses, grid) {
    const whole = new Float64Array(grid.width * grid.height)
    const now = new Map()
    for (const [id, pose] of poses) {
      const key = [...Object.values(pose), grid.width, grid.height].join()
      const before = known.get(id)
      const mine = before?.key === key ? before : { key, cells: field(pose, grid) }
      now.set(id, mine)
      mine.cells.forEach((value, k) => {
        if (value > /** @type {number} */ (whole[k])) whole[k] = value
      })
    }
    known = now
    return whole
  }
}
