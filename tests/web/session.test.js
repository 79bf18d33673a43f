import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'

import { formatDrawing, MAX_CHARACTERS, parseDrawing } from '../../web/ellipses/drawing.js'
import { createSession, START } from '../../web/ellipses/session.js'
import { one } from './cases.js'

const CLIP = { width: 832, height: 480, length: 81, fps: 16 }
const to = (cx) => ({ type: 'pose', id: 'a', pose: { cx } })
const cxOf = (session) => parseDrawing(session.text).ellipses[0].keyframes[0].cx

let steps = 0
let session = createSession(CLIP, { changed() {}, committed() {} })

beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  steps = 0
  session = createSession(CLIP, { changed() {}, committed: () => steps++ })
})

test('a new session has the drawing of a new node, as Python writes it', () => {
  assert.equal(session.text, START)
  assert.deepEqual(session.state.drawing, parseDrawing(START))
})

test('a text from outside is kept as it was written, and is no step', () => {
  const text = `  ${one({ cx: 0.3 })}\n`
  assert.equal(session.load(text), true)
  assert.equal(session.text, text)
  assert.equal(steps, 0)
})

test('a refused text leaves the drawing and gives the reason', () => {
  assert.equal(session.load('{"version": 2, "ellipses": []}'), false)
  assert.match(session.refused, /expected version 1, got 2/)
  assert.equal(session.text, START)
  session.act(to(0.3))
  assert.equal(session.refused, null, 'the reason goes with the next change')
})

test('a pasted text is one step, and none when it is refused or the same', () => {
  const text = one({ cx: 0.3 })
  session.paste(text)
  session.paste(text)
  session.paste('nothing')
  assert.deepEqual([session.text, steps], [text, 1])
})

test('a gesture is one step, and counts from its beginning', () => {
  const gesture = session.begin()
  for (const cx of [0.6, 0.7, 0.8]) gesture.preview(to(cx))
  assert.deepEqual([session.text, steps], [START, 0], 'the text waits for the end')
  gesture.finish()
  gesture.preview(to(0.1))
  assert.deepEqual([cxOf(session), steps], [0.8, 1])
})

test('a gesture that is given up leaves nothing', () => {
  const gesture = session.begin()
  gesture.preview(to(0.8))
  assert.equal(session.cancel(), true)
  gesture.preview(to(0.9))
  gesture.finish()
  assert.deepEqual([session.text, steps, session.state.notice], [START, 0, null])
  assert.equal(session.cancel(), false)
})

test('a gesture stops at what the format can hold', () => {
  const gesture = session.begin()
  gesture.preview(to(9.5))
  gesture.preview(to(12))
  gesture.finish()
  assert.equal(cxOf(session), 9.5)
})

test('a gesture that comes back to where it began is no step', () => {
  const gesture = session.begin()
  gesture.preview(to(0.8))
  gesture.preview(to(0.5))
  gesture.finish()
  assert.equal(steps, 1)
  session.act(to(0.5))
  assert.equal(steps, 1)
})

test('a burst of quick events is one step, at rest or at once when told', () => {
  for (const cx of [0.6, 0.7]) session.nudge(to(cx))
  assert.equal(steps, 0)
  mock.timers.tick(1000)
  assert.deepEqual([cxOf(session), steps], [0.7, 1])
  session.nudge(to(0.8))
  session.flush()
  assert.deepEqual([cxOf(session), steps], [0.8, 2])
  mock.timers.tick(1000)
  assert.equal(steps, 2)
})

test('looking around is no step', () => {
  session.act({ type: 'seek', frame: 40 })
  session.look({ ...CLIP, width: 480 })
  session.act({ type: 'copyKey' })
  assert.deepEqual([steps, session.text], [0, START])
})

test('a closed session writes nothing any more', () => {
  session.nudge(to(0.8))
  session.close()
  mock.timers.tick(1000)
  assert.equal(steps, 0)
})

test('a drawing that grows longer than the format allows is refused', () => {
  const pose = { cx: 0.1234567, cy: 0.1234567, rx: 0.1234567, ry: 0.1234567 }
  const keyframes = Array.from({ length: 1000 }, (_, frame) => ({ frame, ...pose }))
  const ellipses = Array.from({ length: 6 }, (_, k) => ({ id: `e${k}`, keyframes }))
  session.load(JSON.stringify({ version: 1, ellipses }))
  const { text } = session
  session.act({ type: 'duplicate' })
  session.act({ type: 'duplicate' })
  session.act({ type: 'duplicate' })
  assert.ok(formatDrawing(session.state.drawing).length <= MAX_CHARACTERS)
  assert.ok(session.state.notice === 'tooLong' || session.text === text)
  assert.equal(parseDrawing(session.text).ellipses.length, session.state.drawing.ellipses.length)
})
