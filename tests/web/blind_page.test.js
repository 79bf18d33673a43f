import { test } from 'node:test'
import assert from 'node:assert/strict'
import { letter, missing, ranked, saved, unanswered } from '../../pipelines/metrics/blind_page.js'

const trial = {
  trial: 't1',
  fps: 16,
  questions: { transparency: '?', overall: '?' },
  clips: [
    { name: 'parrot', candidates: [['a'], ['b'], ['c']] },
    { name: 'smoke', candidates: [['a'], ['b'], ['c']] },
  ],
}

test('every clip, question and candidate waits for a rank', () => {
  assert.equal(missing(unanswered(trial)), 12)
  assert.deepEqual(unanswered(trial).smoke?.overall, [null, null, null])
})

test('a rank that is given again leaves the one who had it', () => {
  assert.deepEqual(ranked([1, 2, null], 2, 1), [null, 2, 1])
  assert.deepEqual(ranked([1, 2, 3], 0, 1), [1, 2, 3])
})

test('a rank can be taken back without touching other gaps', () => {
  assert.deepEqual(ranked([1, null, null], 0, null), [null, null, null])
})

test('what was given stays as it was', () => {
  const given = Object.freeze([1, 2, 3])
  ranked([...given], 0, 3)
  assert.deepEqual(given, [1, 2, 3])
})

test('what is saved is what the ranks command reads', () => {
  const answers = unanswered(trial)
  assert.deepEqual(JSON.parse(saved(trial, answers)), { trial: 't1', ranks: answers })
})

test('candidates are letters', () => {
  assert.deepEqual([0, 1, 25].map(letter), ['A', 'B', 'Z'])
})
