import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { compose, DARK, GAIN, LIGHT, SQUARE, valueAt } from '../../web/preview/composite.js'
import { framesIn, reduce, secondsAt, STOPPED, wanted } from '../../web/preview/playback.js'

const stacked = (width, height, pixel) => {
  const data = new Uint8ClampedArray(width * height * 8)
  for (let i = 0; i < width * height; i++) {
    const [r, g, b, a] = pixel(i % width, Math.floor(i / width))
    data.set([r, g, b, 255], i * 4)
    data.set([a, a, a, 255], (i + width * height) * 4)
  }
  return { width, height: height * 2, data }
}
const blank = (width, height) => ({ width, height, data: new Uint8ClampedArray(width * height * 4) })
const first = (pixels) => [...pixels.data.slice(0, 4)]

describe('views', () => {
  const red = stacked(2, 1, () => [255, 0, 0, 128])

  test('half red over blue is purple, rounded', () => {
    const out = blank(2, 1)
    compose(out, red, 'over', [0, 0, 255], null)
    assert.deepEqual(first(out), [128, 0, 127, 255])
  })

  test('an opaque pixel keeps its colour and an empty one shows the backdrop, exactly', () => {
    for (let level = 0; level < 256; level++) {
      const out = blank(1, 1)
      compose(out, stacked(1, 1, () => [level, level, level, 255]), 'over', [9, 9, 9], null)
      assert.equal(out.data[0], level)
      compose(out, stacked(1, 1, () => [77, 77, 77, 0]), 'over', [level, level, level], null)
      assert.equal(out.data[0], level)
    }
  })

  test('a plate stands behind the frame', () => {
    const out = blank(2, 1)
    compose(out, stacked(2, 1, () => [0, 0, 0, 0]), 'over', { ...blank(2, 1), data: Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 255) }, null)
    assert.deepEqual([...out.data], [1, 2, 3, 255, 4, 5, 6, 255])
  })

  test('the checkerboard changes after every square, in both directions', () => {
    const side = 2 * SQUARE
    const out = blank(side, side)
    compose(out, stacked(side, side, () => [0, 0, 0, 0]), 'over', 'checkerboard', null)
    const grey = (x, y) => out.data[(y * side + x) * 4]
    assert.deepEqual([grey(0, 0), grey(SQUARE - 1, 0), grey(SQUARE, 0), grey(0, SQUARE), grey(SQUARE, SQUARE)], [LIGHT, LIGHT, DARK, DARK, LIGHT])
  })

  test('alpha is grey, and colour alone keeps what is hidden', () => {
    const out = blank(2, 1)
    compose(out, red, 'alpha', 'checkerboard', null)
    assert.deepEqual(first(out), [128, 128, 128, 255])
    compose(out, stacked(2, 1, () => [10, 20, 30, 0]), 'rgb', 'checkerboard', null)
    assert.deepEqual(first(out), [10, 20, 30, 255])
  })

  test('the difference to itself is black, one level of alpha can be seen, hidden colour does not count', () => {
    const out = blank(2, 1)
    compose(out, red, 'difference', 'checkerboard', red)
    assert.deepEqual(first(out), [0, 0, 0, 255])
    compose(out, red, 'difference', 'checkerboard', stacked(2, 1, () => [255, 0, 0, 129]))
    assert.deepEqual(first(out), [GAIN, GAIN, GAIN, 255])
    compose(out, stacked(2, 1, () => [1, 2, 3, 0]), 'difference', 'checkerboard', stacked(2, 1, () => [200, 200, 200, 0]))
    assert.deepEqual(first(out), [0, 0, 0, 255])
  })

  test('the value under the cursor is the straight one, and there is none outside', () => {
    const frame = stacked(3, 2, (x, y) => [x, y, 7, 10 * x + y])
    assert.deepEqual(valueAt(frame, 2, 1), { r: 2, g: 1, b: 7, a: 21 })
    assert.equal(valueAt(frame, 3, 0), null)
    assert.equal(valueAt(frame, 0, 2), null)
    assert.equal(valueAt(frame, -1, 0), null)
  })
})

describe('playback', () => {
  const film = { count: 81, rate: { num: 24000, den: 1001 } }

  test('an hour of 23.976 has 86,313 whole frames', () => {
    assert.equal(framesIn(3600 * 1000, film.rate), 86313)
    assert.equal(secondsAt(24000, film.rate), 1001)
  })

  test('every frame of every rate begins at its own time', () => {
    for (const rate of [{ num: 16, den: 1 }, film.rate, { num: 30000, den: 1001 }, { num: 25, den: 1 }]) {
      for (let frame = 0; frame < 1000; frame++) assert.equal(framesIn(secondsAt(frame, rate) * 1000, rate), frame)
    }
  })

  test('playing starts where the clip stands, loops, and stops where it is', () => {
    const clip = { count: 10, rate: { num: 10, den: 1 } }
    let state = reduce({ ...STOPPED, frame: 8 }, { type: 'play', now: 5000 }, clip)
    state = reduce(state, { type: 'tick', now: 5250 }, clip)
    assert.equal(state.frame, 0)
    state = reduce(state, { type: 'pause' }, clip)
    assert.equal(reduce(state, { type: 'tick', now: 9000 }, clip).frame, 0)
  })

  test('steps wrap around, a seek stays inside, both stop the clip', () => {
    const playing = { ...STOPPED, playing: true }
    assert.deepEqual({ ...reduce(playing, { type: 'step', by: -1 }, film) }, { ...STOPPED, frame: 80 })
    assert.equal(reduce(playing, { type: 'seek', frame: 999 }, film).frame, 80)
    assert.equal(reduce(playing, { type: 'seek', frame: -3 }, film).frame, 0)
    assert.equal(reduce(playing, { type: 'seek', frame: 3.4 }, film).playing, false)
  })

  test('the frames wanted next begin with the one shown and never repeat', () => {
    assert.deepEqual(wanted(79, 81, 3), [79, 80, 0, 1])
    assert.deepEqual(wanted(1, 2, 5), [1, 0])
  })
})
