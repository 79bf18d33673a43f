import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { checkerboard, compose, DARK, GAIN, LIGHT, plain, SQUARE, unstacked, valueAt } from '../../web/preview/composite.js'
import { fileOf } from '../../web/preview/frames.js'
import { framesIn, reduce, secondsAt, STOPPED, wanted } from '../../web/preview/playback.js'

const picture = (width, height, pixel) => {
  const data = new Uint8ClampedArray(width * height * 4)
  for (let i = 0; i < width * height; i++) data.set(pixel(i % width, Math.floor(i / width)), i * 4)
  return { width, height, data }
}
const blank = (width, height) => picture(width, height, () => [0, 0, 0, 0])
const first = (pixels) => [...pixels.data.slice(0, 4)]
const blue = plain(2, 1, [0, 0, 255])

describe('views', () => {
  const red = picture(2, 1, () => [255, 0, 0, 128])

  test('colour above and alpha below become one frame, hidden colour included', () => {
    const stacked = picture(3, 4, (x, y) => (y < 2 ? [x, y, 7, 255] : Array(3).fill(10 * x + y - 2).concat(255)))
    assert.deepEqual(unstacked(stacked), picture(3, 2, (x, y) => [x, y, 7, 10 * x + y]))
  })

  test('half red over blue is purple, rounded', () => {
    const out = blank(2, 1)
    compose(out, red, 'over', blue, null)
    assert.deepEqual(first(out), [128, 0, 127, 255])
  })

  test('every mixture of two levels is the nearest one, in every channel', () => {
    for (let alpha = 0; alpha < 256; alpha++) {
      const [near, far] = [picture(256, 1, (x) => [x, 255 - x, 255, alpha]), picture(256, 1, (x) => [255 - x, 90, x, 255])]
      const mix = (one, other) => Math.round((one * alpha + other * (255 - alpha)) / 255)
      const out = blank(256, 1)
      compose(out, near, 'over', far, null)
      assert.deepEqual(out, picture(256, 1, (x) => [mix(x, 255 - x), mix(255 - x, 90), mix(255, x), 255]))
    }
  })

  test('an opaque pixel keeps its colour and an empty one shows the backdrop, exactly', () => {
    for (let level = 0; level < 256; level++) {
      const out = blank(1, 1)
      compose(out, picture(1, 1, () => [level, level, level, 255]), 'over', plain(1, 1, [9, 9, 9]), null)
      assert.equal(out.data[0], level)
      compose(out, picture(1, 1, () => [77, 77, 77, 0]), 'over', plain(1, 1, [level, level, level]), null)
      assert.equal(out.data[0], level)
    }
  })

  test('a plate stands behind the frame', () => {
    const [out, plate] = [blank(2, 1), picture(2, 1, (x) => [x, 2, 3, 255])]
    compose(out, blank(2, 1), 'over', plate, null)
    assert.deepEqual(out, plate)
  })

  test('the checkerboard changes after every square, in both directions', () => {
    const side = 2 * SQUARE
    const { data } = checkerboard(side, side)
    const grey = (x, y) => data[(y * side + x) * 4]
    assert.deepEqual([grey(0, 0), grey(SQUARE - 1, 0), grey(SQUARE, 0), grey(0, SQUARE), grey(SQUARE, SQUARE)], [LIGHT, LIGHT, DARK, DARK, LIGHT])
  })

  test('alpha is grey, and colour alone keeps what is hidden', () => {
    const out = blank(2, 1)
    compose(out, red, 'alpha', null, null)
    assert.deepEqual(first(out), [128, 128, 128, 255])
    compose(out, picture(2, 1, () => [10, 20, 30, 0]), 'rgb', null, null)
    assert.deepEqual(first(out), [10, 20, 30, 255])
  })

  test('the difference to itself is black, one level of alpha can be seen, hidden colour does not count', () => {
    const out = blank(2, 1)
    compose(out, red, 'difference', null, red)
    assert.deepEqual(first(out), [0, 0, 0, 255])
    compose(out, red, 'difference', null, picture(2, 1, () => [255, 0, 0, 129]))
    assert.deepEqual(first(out), [GAIN, GAIN, GAIN, 255])
    compose(out, picture(2, 1, () => [1, 2, 3, 0]), 'difference', null, picture(2, 1, () => [200, 200, 200, 0]))
    assert.deepEqual(first(out), [0, 0, 0, 255])
  })

  test('the value under the cursor is the straight one, and there is none outside', () => {
    const frame = picture(3, 2, (x, y) => [x, y, 7, 10 * x + y])
    assert.deepEqual(valueAt(frame, 2, 1), { r: 2, g: 1, b: 7, a: 21 })
    assert.equal(valueAt(frame, 3, 0), null)
    assert.equal(valueAt(frame, 0, 2), null)
    assert.equal(valueAt(frame, -1, 0), null)
  })

  test('a plate or other clip of one frame stands still', () => {
    assert.deepEqual([fileOf('plate', 7, 1), fileOf('other', 7, 9)], ['plate_0000.png', 'other_0007.png'])
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

  test('a clock that stands a little before the start shows no earlier frame', () => {
    const state = reduce(STOPPED, { type: 'play', now: 5000 }, film)
    assert.equal(reduce(state, { type: 'tick', now: 4996 }, film).frame, 0)
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
