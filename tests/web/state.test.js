import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { formatDrawing, MAX_ELLIPSES, parseDrawing } from '../../web/ellipses/drawing.js'
import { LENGTH, motion, MOTIONS, SIZES, sizeName } from '../../web/ellipses/presets.js'
import { initial, inRange, keyNow, neighbourFrames, reduce, selectedEllipse } from '../../web/ellipses/state.js'
import { one } from './cases.js'

const CLIP = { width: 832, height: 480, length: 81, fps: 16 }
const start = () => initial(parseDrawing(one()), CLIP)
const after = (state, ...events) => events.reduce(reduce, state)
const frames = (state) => selectedEllipse(state).keyframes.map(({ frame }) => frame)
const seek = (frame) => ({ type: 'seek', frame })
const pose = (change, id = 'a') => ({ type: 'pose', id, pose: change })
const unchanged = (state, event, notice) => {
  const next = reduce(state, event)
  assert.equal(next.drawing, state.drawing)
  assert.equal(next.notice, notice)
}

describe('keyframes', () => {
  test('a change at a keyframe changes that keyframe', () => {
    const state = after(start(), pose({ cx: 0.3 }))
    assert.deepEqual(frames(state), [0])
    assert.equal(keyNow(state).cx, 0.3)
  })

  test('a change between keyframes makes one there', () => {
    const state = after(start(), seek(40), pose({ cx: 0.3 }))
    assert.deepEqual(frames(state), [0, 40])
    assert.deepEqual([keyNow(state).cx, keyNow(state).rx], [0.3, 0.25])
  })

  test('a keyframe that is added changes no linear motion, and goes on in the ease before it', () => {
    const held = after(start(), seek(80), pose({ cx: 0.9 }), seek(0), { type: 'ease', ease: 'hold' })
    const state = after(held, seek(40), { type: 'addKey' })
    assert.deepEqual([keyNow(state).cx, keyNow(state).ease], [0.5, 'hold'])
  })

  test('one is moved, and the playhead goes with it', () => {
    const state = after(start(), seek(40), { type: 'addKey' }, { type: 'moveKey', from: 40, to: 12 })
    assert.deepEqual(frames(state), [0, 12])
    assert.equal(state.frame, 12)
  })

  test('one is copied by moving with copy', () => {
    const state = after(start(), { type: 'moveKey', from: 0, to: 20, copy: true })
    assert.deepEqual(frames(state), [0, 20])
  })

  test('none is moved onto another, and none below 0', () => {
    const state = after(start(), seek(40), { type: 'addKey' })
    unchanged(state, { type: 'moveKey', from: 40, to: 0 }, 'frameTaken')
    const alone = after(start(), seek(8), { type: 'addKey' }, { type: 'removeKey', frame: 0 })
    assert.deepEqual(frames(reduce(alone, { type: 'moveKey', from: 8, to: -9 })), [0])
  })

  test('a copied one is pasted at another frame and into another ellipse', () => {
    const copied = after(start(), pose({ cx: 0.2 }), { type: 'copyKey' })
    const state = after(copied, { type: 'add' }, seek(30), { type: 'pasteKey' })
    assert.equal(state.selected, 'b')
    assert.deepEqual([keyNow(state).frame, keyNow(state).cx], [30, 0.2])
  })

  test('the last one is not deleted', () => {
    unchanged(start(), { type: 'removeKey', frame: 0 }, 'lastKeyframe')
    unchanged(start(), { type: 'removeKey', frame: 3 }, null)
    assert.deepEqual(frames(after(start(), seek(4), { type: 'addKey' }, { type: 'removeKey', frame: 0 })), [4])
  })

  test('ease goes to the keyframe that rules the frame', () => {
    const state = after(start(), seek(40), { type: 'addKey' }, seek(39), { type: 'ease', ease: 'ease' })
    assert.deepEqual(selectedEllipse(state).keyframes.map(({ ease }) => ease), ['ease', 'linear'])
  })

  test('the neighbours of a frame are found', () => {
    const state = after(start(), seek(40), { type: 'addKey' }, seek(20))
    assert.deepEqual(neighbourFrames(state), { previous: 0, next: 40 })
  })
})

describe('ellipses', () => {
  test('an added one is selected and has an id of its own', () => {
    const state = after(start(), { type: 'add' }, { type: 'add' }, { type: 'duplicate' })
    assert.deepEqual(state.drawing.ellipses.map(({ id }) => id), ['a', 'b', 'c', 'd'])
    assert.equal(state.selected, 'd')
  })

  test('the last one is not deleted, and there are no more than the format holds', () => {
    unchanged(start(), { type: 'remove' }, 'lastEllipse')
    const full = after(start(), ...Array(MAX_ELLIPSES - 1).fill({ type: 'add' }))
    assert.equal(full.drawing.ellipses.length, MAX_ELLIPSES)
    unchanged(full, { type: 'add' }, 'fullOfEllipses')
  })

  test('deleting selects the neighbour', () => {
    const state = after(start(), { type: 'add' }, { type: 'select', id: 'a' }, { type: 'remove' })
    assert.deepEqual([state.drawing.ellipses.length, state.selected], [1, 'b'])
  })

  test('stepping goes round', () => {
    const state = after(start(), { type: 'add' }, { type: 'add' }, { type: 'step', by: 1 })
    assert.equal(state.selected, 'a')
    assert.equal(reduce(state, { type: 'step', by: -1 }).selected, 'c')
  })

  test('the selection survives a load where it can', () => {
    const two = after(start(), { type: 'add' })
    assert.equal(reduce(two, { type: 'load', drawing: two.drawing }).selected, 'b')
    assert.equal(reduce(two, { type: 'load', drawing: start().drawing }).selected, 'a')
  })
})

describe('limits', () => {
  test('what the format cannot hold is refused with a notice', () => {
    unchanged(start(), pose({ cx: 11 }), 'outOfRange')
    unchanged(start(), pose({ rx: NaN }), 'outOfRange')
    unchanged(start(), { type: 'rename', name: 'x'.repeat(201) }, 'outOfRange')
    assert.equal(inRange('softness', 0), null)
  })

  test('a notice goes with the next event', () => {
    assert.equal(after(start(), { type: 'remove' }, seek(1)).notice, null)
  })

  test('the frame stays inside the clip', () => {
    assert.equal(after(start(), seek(999)).frame, 80)
    assert.equal(after(start(), seek(-3)).frame, 0)
    assert.equal(after(start(), seek(80), { type: 'clip', clip: { ...CLIP, length: 49 } }).frame, 48)
  })

  test('whatever happens, the drawing can be read again', () => {
    const events = [
      { type: 'add' }, seek(7), pose({ cx: -9.99999, angle: 1e5 / 3 }, 'b'), { type: 'duplicate' }, { type: 'copyKey' },
      seek(33), { type: 'pasteKey' }, { type: 'rename', name: '<img src=x>' }, { type: 'loop' },
      { type: 'moveKey', from: 33, to: 1e9 }, { type: 'toKey', by: -1 }, { type: 'removeKey' },
      ...MOTIONS.map(({ name }) => ({ type: 'keyframes', keyframes: motion(name, 81) })),
    ]
    let state = start()
    for (const event of events) {
      state = reduce(state, event)
      assert.deepEqual(parseDrawing(formatDrawing(state.drawing)), state.drawing, event.type)
    }
  })
})

describe('presets', () => {
  test('a motion goes from the first frame to the last', () => {
    const keyframes = motion('leftToRight', 81)
    assert.deepEqual(keyframes.map(({ frame }) => frame), [0, 80])
    assert.ok(keyframes[0].cx < keyframes[1].cx)
    assert.equal(motion('leftToRight', 1).length, 1)
  })

  test('the sizes are those the models were trained for', () => {
    const names = ['832x480', '480x832', '640x624', '624x640', '1280x720', '720x480x49', '848x480x79']
    assert.deepEqual(SIZES.map(sizeName), names)
    assert.equal(LENGTH, 81)
  })
})
