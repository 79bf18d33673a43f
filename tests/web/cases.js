import { readFileSync } from 'node:fs'

/** The drawings, poses, fields and refusals that the Python tests read as well. */
export const CASES = JSON.parse(readFileSync(new URL('../data/ellipse_cases.json', import.meta.url), 'utf8'))

/** The text of a drawing with one keyframe. */
export function one(values = {}) {
  const keyframe = { frame: 0, cx: 0.5, cy: 0.5, rx: 0.25, ry: 0.4, ...values }
  return JSON.stringify({ version: 1, ellipses: [{ id: 'a', keyframes: [keyframe] }] })
}

export function near(actual, expected, tolerance = 1e-9) {
  if (!(Math.abs(actual - expected) <= tolerance)) throw new Error(`expected ${expected}, got ${actual}`)
}
