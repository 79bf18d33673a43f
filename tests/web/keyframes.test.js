import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseDrawing } from '../../web/ellipses/drawing.js'
import { latentFrame, latentLength, POSE_KEYS, poseAt } from '../../web/ellipses/keyframes.js'
import { CASES, near } from './cases.js'

for (const { name, drawing, length, poses } of CASES.valid) {
  test(`poses as in Python: ${name}`, () => {
    const { ellipses, loop } = parseDrawing(JSON.stringify(drawing))
    for (const expected of poses) {
      const pose = poseAt(ellipses[expected.ellipse], expected.frame, length, loop)
      for (const key of POSE_KEYS) near(pose[key], expected[key])
    }
  })
}

test('the first latent frame is one pixel frame, every other one is four', () => {
  assert.deepEqual([0, 1, 4, 5, 8, 80].map(latentFrame), [0, 1, 1, 2, 2, 20])
  assert.deepEqual([1, 5, 49, 81].map(latentLength), [1, 2, 13, 21])
})
