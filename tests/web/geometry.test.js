import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as geometry from '../../web/ellipses/geometry.js'
import { near } from './cases.js'

const SHAPE = { cx: 400, cy: 240, rx: 200, ry: 100, angle: 30 }
const CORNERS = geometry.CORNERS
const cornerOf = (shape, corner) => {
  const way = geometry.TOWARDS[corner]
  return geometry.fromLocal(shape, { x: way.x * shape.rx, y: way.y * shape.ry })
}
const opposite = { nw: 'se', ne: 'sw', sw: 'ne', se: 'nw' }
const samePlace = (one, other) => {
  near(one.x, other.x, 1e-9)
  near(one.y, other.y, 1e-9)
}

describe('poses and shapes', () => {
  test('a pose becomes pixels and comes back', () => {
    const size = { width: 832, height: 480 }
    const pose = { cx: 0.25, cy: 0.5, rx: 0.25, ry: 0.4, angle: 12 }
    assert.deepEqual(geometry.shapeOf(pose, size), { cx: 208, cy: 240, rx: 208, ry: 192, angle: 12 })
    assert.deepEqual(geometry.poseOf(geometry.shapeOf(pose, size), size), pose)
  })

  test('angles turn clockwise on screen', () => {
    const { x, y } = geometry.turned({ x: 1, y: 0 }, 90)
    samePlace({ x, y }, { x: 0, y: 1 })
  })

  test('local and frame coordinates undo one another', () => {
    const point = { x: 123, y: 45 }
    samePlace(geometry.fromLocal(SHAPE, geometry.toLocal(SHAPE, point)), point)
  })

  test('the ends of the axes are the border', () => {
    assert.ok(geometry.contains(SHAPE, geometry.fromLocal(SHAPE, { x: 199, y: 0 })))
    assert.ok(!geometry.contains(SHAPE, geometry.fromLocal(SHAPE, { x: 201, y: 0 })))
    assert.ok(!geometry.contains(SHAPE, geometry.fromLocal(SHAPE, { x: 0, y: 101 })))
  })
})

describe('resizing', () => {
  for (const corner of CORNERS) {
    test(`${corner} follows the pointer and the opposite corner stays`, () => {
      const by = { x: 13, y: -7 }
      const after = geometry.resized(SHAPE, corner, by)
      const before = cornerOf(SHAPE, corner)
      samePlace(cornerOf(after, corner), { x: before.x + by.x, y: before.y + by.y })
      samePlace(cornerOf(after, opposite[corner]), cornerOf(SHAPE, opposite[corner]))
    })

    test(`${corner} from the centre: the centre stays and the corner follows`, () => {
      const by = { x: 13, y: -7 }
      const after = geometry.resized(SHAPE, corner, by, { centred: true })
      const before = cornerOf(SHAPE, corner)
      assert.deepEqual([after.cx, after.cy], [SHAPE.cx, SHAPE.cy])
      samePlace(cornerOf(after, corner), { x: before.x + by.x, y: before.y + by.y })
    })

    test(`${corner} keeps the ratio`, () => {
      const after = geometry.resized(SHAPE, corner, { x: 60, y: 5 }, { ratio: true })
      near(after.rx / after.ry, 2)
      samePlace(cornerOf(after, opposite[corner]), cornerOf(SHAPE, opposite[corner]))
    })
  }

  test('a box never turns inside out', () => {
    const flat = { ...SHAPE, angle: 0 }
    for (const how of [{}, { ratio: true }, { centred: true }, { ratio: true, centred: true }]) {
      const after = geometry.resized(flat, 'se', { x: -5000, y: -5000 }, how)
      assert.ok(after.rx >= 1 && after.ry >= 1, JSON.stringify(after))
    }
  })
})

describe('turning', () => {
  test('a snapped angle is a multiple of 15 degrees', () => {
    assert.equal(geometry.rotated(SHAPE, 17, true).angle, 45)
    assert.equal(geometry.rotated(SHAPE, 17).angle, 47)
  })

  test('the way between two directions is the short one', () => {
    const centre = { x: 0, y: 0 }
    near(geometry.turnBetween(centre, { x: 1, y: 0 }, { x: 0, y: 1 }), 90)
    near(geometry.turnBetween(centre, { x: -1, y: 0.1 }, { x: -1, y: -0.1 }), 2 * Math.atan(0.1) * (180 / Math.PI))
  })
})

test('the softness ring follows the pointer along the axis and stays in its range', () => {
  const out = geometry.turned({ x: 100, y: 0 }, SHAPE.angle)
  near(geometry.softened(SHAPE, 1, out), 1.5)
  near(geometry.softened(SHAPE, 1, geometry.turned({ x: 0, y: 50 }, SHAPE.angle)), 1)
  assert.equal(geometry.softened(SHAPE, 1, { x: -9999, y: 0 }), 0.01)
  assert.equal(geometry.softened(SHAPE, 1, { x: 99999, y: 0 }), 10)
})

describe('the view', () => {
  const size = { width: 832, height: 480 }
  const stage = { width: 400, height: 300 }

  test('fit shows the whole frame in the middle', () => {
    const view = geometry.fitted(size, stage)
    const [start, end] = [geometry.toPlace(view, { x: 0, y: 0 }), geometry.toPlace(view, { x: 832, y: 480 })]
    assert.ok(start.x >= 0 && start.y >= 0 && end.x <= 400 && end.y <= 300)
    near(start.x + end.x, 400)
    near(start.y + end.y, 300)
  })

  test('zooming keeps the point under the cursor', () => {
    const view = geometry.fitted(size, stage)
    const cursor = { x: 120, y: 90 }
    const point = geometry.toPoint(view, cursor)
    for (const factor of [1.2, 0.5, 1e9, 1e-9]) {
      samePlace(geometry.toPlace(geometry.zoomed(view, cursor, factor), point), cursor)
    }
  })

  test('a picture of other proportions stands in the middle of the frame', () => {
    assert.deepEqual(geometry.contained({ width: 100, height: 100 }, { width: 832, height: 480 }), {
      x: 176, y: 0, width: 480, height: 480,
    })
  })
})
