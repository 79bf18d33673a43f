import assert from 'node:assert/strict'
import { test } from 'node:test'

import { DrawingError, formatDrawing, MAX_CHARACTERS, parseDrawing } from '../../web/ellipses/drawing.js'
import { CASES, one } from './cases.js'

/** What a refused text is refused with. */
function refusal(text) {
  try {
    parseDrawing(text)
  } catch (error) {
    assert.ok(error instanceof DrawingError, `not a refusal: ${error}`)
    return error.message
  }
  return assert.fail('the text was taken for a drawing')
}

for (const { name, drawing } of CASES.valid) {
  test(`a drawing survives its own JSON: ${name}`, () => {
    const parsed = parseDrawing(JSON.stringify(drawing))
    assert.deepEqual(parseDrawing(formatDrawing(parsed)), parsed)
    assert.equal(parsed.loop, drawing.loop ?? false)
  })
}

for (const { name, text, error } of CASES.invalid) {
  test(`refused with its place, as in Python: ${name}`, () => {
    const message = refusal(text)
    assert.ok(message.includes(error), message)
    assert.ok(message.length < 200, message)
  })
}

test('the smallest keyframe has the defaults', () => {
  assert.deepEqual(parseDrawing(one()).ellipses[0], {
    id: 'a',
    name: '',
    keyframes: [{ frame: 0, cx: 0.5, cy: 0.5, rx: 0.25, ry: 0.4, angle: 0, softness: 1, weight: 1, ease: 'linear' }],
  })
})

test('whole numbers may be written with a point', () => {
  const text = one({ frame: 3 }).replace('"version":1', '"version":1.0').replace('"frame":3', '"frame":3.0')
  assert.equal(parseDrawing(text).ellipses[0].keyframes[0].frame, 3)
})

test('keyframes are put in the order of their frames', () => {
  const keyframes = [8, 0, 4].map((frame) => JSON.parse(one({ frame })).ellipses[0].keyframes[0])
  const parsed = parseDrawing(JSON.stringify({ version: 1, ellipses: [{ id: 'a', keyframes }] }))
  assert.deepEqual(parsed.ellipses[0].keyframes.map(({ frame }) => frame), [0, 4, 8])
})

test('ten thousand ellipses are refused before they are read', () => {
  const text = JSON.stringify({ version: 1, ellipses: Array(10_000).fill(null) })
  assert.equal(refusal(text), 'ellipses: expected 1 to 64 ellipses, got 10000.')
})

test('oversized text is refused before it is decoded', () => {
  assert.match(refusal(' '.repeat(MAX_CHARACTERS + 1)), /expected at most 1000000 characters, got 1000001/)
  assert.match(refusal(`"${'x'.repeat(10_000_000)}"`), /expected at most 1000000 characters/)
})

test('a value that is no text is refused', () => {
  for (const value of [undefined, null, 5, {}, []]) assert.match(refusal(value), /^drawing: expected JSON as text/)
})

test('text that attacks the decoder is refused like any other', () => {
  const texts = ['['.repeat(400_000), '{"a":'.repeat(100_000), '9'.repeat(10_000), '\ufeff{}', '\ud800']
  for (const text of texts) assert.match(refusal(text), /^(drawing|version): expected/)
})

test('a key of the object prototype is an unknown key like any other', () => {
  assert.match(refusal('{"__proto__": {}, "version": 1, "ellipses": []}'), /expected no keys but .*"__proto__"/)
  assert.equal({}.polluted, undefined)
  assert.match(refusal('{"constructor": 1}'), /"constructor"; remove it/)
})

test('a character outside the first plane counts as one', () => {
  const text = (count) => one().replace('"id"', `"name":"${'🦜'.repeat(count)}","id"`)
  assert.equal([...parseDrawing(text(200)).ellipses[0].name].length, 200)
  assert.match(refusal(text(201)), /name: expected a text of 0 to 200 characters/)
})
