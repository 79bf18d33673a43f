import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseDrawing } from '../../web/ellipses/drawing.js'
import { field, fieldPainter, latentGrid } from '../../web/ellipses/field.js'
import { poseAt } from '../../web/ellipses/keyframes.js'
import { CASES, near } from './cases.js'

const CENTRED = { cx: 0.5, cy: 0.5, rx: 0.25, ry: 0.4, angle: 0, softness: 1, weight: 1 }
const GRID = { width: 9, height: 7 }

for (const { name, drawing, length, fields } of CASES.valid) {
  test(`field samples as in Python: ${name}`, () => {
    const { ellipses, loop } = parseDrawing(JSON.stringify(drawing))
    const paint = fieldPainter()
    for (const { frame, height, width, samples } of fields) {
      const poses = ellipses.map((ellipse) => [ellipse.id, poseAt(ellipse, frame, length, loop)])
      const cells = paint(poses, { width, height })
      for (const [row, column, value] of samples) near(cells[row * width + column], value, 1e-9)
    }
  })
}

test('the field is 1 at the centre, 0 at the lowest corner, and never leaves 0 to 1', () => {
  const cells = field(CENTRED, GRID)
  assert.equal(cells[3 * 9 + 4], 1)
  assert.equal(Math.min(...cells), 0)
  assert.equal(Math.max(...cells), 1)
})

test('half a turn changes nothing', () => {
  const pose = { ...CENTRED, cx: 0.3, angle: 25 }
  const other = field({ ...pose, angle: 205 }, GRID)
  field(pose, GRID).forEach((value, k) => near(other[k], value))
})

test('the weight scales the field', () => {
  const whole = field(CENTRED, GRID)
  field({ ...CENTRED, weight: 0.25 }, GRID).forEach((value, k) => near(value, whole[k] / 4))
})

test('a painter that has seen other frames paints the same as a new one', () => {
  const paint = fieldPainter()
  const moved = { ...CENTRED, cx: 0.2 }
  paint([['a', CENTRED], ['b', moved]], GRID)
  paint([['a', CENTRED]], { width: 4, height: 4 })
  assert.deepEqual(paint([['a', moved], ['b', CENTRED]], GRID), fieldPainter()([['a', moved], ['b', CENTRED]], GRID))
})

test('the grid is the latent grid, and coarser only where that is very large', () => {
  assert.deepEqual(latentGrid({ width: 832, height: 480 }), { width: 104, height: 60 })
  assert.deepEqual(latentGrid({ width: 1280, height: 720 }), { width: 160, height: 90 })
  const large = latentGrid({ width: 8192, height: 8192 })
  assert.ok(large.width * large.height <= 20_500)
  assert.deepEqual(latentGrid({ width: 1, height: 1 }), { width: 1, height: 1 })
})
