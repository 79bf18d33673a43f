import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fitEllipse, fittedKeyframes } from '../../web/ellipses/fit.js'
import { contains, shapeOf } from '../../web/ellipses/geometry.js'
import { near } from './cases.js'

const FRAME = { width: 832, height: 480 }
const GRID = { width: 416, height: 240 }

/** Alpha that is 1 inside an ellipse. */
function filled(pose) {
  const shape = shapeOf(pose, FRAME)
  const scale = FRAME.width / GRID.width
  return Float64Array.from({ length: GRID.width * GRID.height }, (_, k) =>
    contains(shape, { x: ((k % GRID.width) + 0.5) * scale, y: (Math.floor(k / GRID.width) + 0.5) * scale }) ? 1 : 0
  )
}

for (const angle of [0, 30, -60]) {
  test(`a filled ellipse at ${angle} degrees is found again`, () => {
    const pose = { cx: 0.4, cy: 0.55, rx: 0.2, ry: 0.12, angle }
    const found = fitEllipse(filled(pose), GRID, FRAME)
    for (const [key, tolerance] of [['cx', 1e-3], ['cy', 1e-3], ['rx', 1e-3], ['ry', 1e-3], ['angle', 0.2]]) {
      near(found[key], pose[key], tolerance)
    }
  })
}

test('half-transparent alpha has the same shape', () => {
  const alpha = filled({ cx: 0.5, cy: 0.5, rx: 0.2, ry: 0.3, angle: 0 })
  const [whole, half] = [alpha, alpha.map((value) => value / 2)].map((each) => fitEllipse(each, GRID, FRAME))
  for (const key of Object.keys(whole)) near(half[key], whole[key], 1e-9)
})

test('an empty frame has no ellipse, and a single cell has one', () => {
  const alpha = new Float64Array(GRID.width * GRID.height).fill(0.1)
  assert.equal(fitEllipse(alpha, GRID, FRAME), null)
  alpha[GRID.width * 100 + 50] = 1
  const { rx, ry, cx } = fitEllipse(alpha, GRID, FRAME)
  assert.ok(rx > 0 && ry > 0)
  near(cx, 50.5 / GRID.width)
})

test('latent frame k becomes a keyframe at 4k, empty ones fade with the shape of the nearest', () => {
  const shape = { cx: 0.5, cy: 0.5, rx: 0.2, ry: 0.1, angle: 10 }
  const keyframes = fittedKeyframes([null, shape, { ...shape, cx: 0.6 }, null])
  assert.deepEqual(keyframes.map(({ frame }) => frame), [0, 4, 8, 12])
  assert.deepEqual(keyframes.map(({ weight }) => weight), [0, 1, 1, 0])
  assert.deepEqual(keyframes.map(({ cx }) => cx), [0.5, 0.5, 0.6, 0.6])
})

test('angles go on within a quarter turn', () => {
  const shape = { cx: 0.5, cy: 0.5, rx: 0.2, ry: 0.1 }
  const angles = [80, -85, -70, 89].map((angle) => ({ ...shape, angle }))
  assert.deepEqual(fittedKeyframes(angles).map(({ angle }) => angle), [80, 95, 110, 89])
})

test('a clip that is empty in every frame gives no keyframes', () => {
  assert.deepEqual(fittedKeyframes([null, null]), [])
})
