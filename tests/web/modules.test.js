import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

import { TABLES, translator } from '../../web/strings.js'

const WEB = new URL('../../web/', import.meta.url)
const MODULES = readdirSync(WEB, { recursive: true }).filter((name) => name.endsWith('.js') && name !== 'rgba_video.js')

test('importing a module has no effect, and needs no page', async () => {
  const before = Object.keys(globalThis)
  for (const name of MODULES) await import(new URL(name, WEB))
  assert.deepEqual(Object.keys(globalThis), before)
})

test('every string is there in both languages, with the same values', () => {
  assert.deepEqual(Object.keys(TABLES.zh), Object.keys(TABLES.en))
  for (const [key, text] of Object.entries(TABLES.en)) {
    const values = (each) => (each.match(/\{\w+\}/g) ?? []).toSorted()
    assert.deepEqual(values(TABLES.zh[key]), values(text), key)
    assert.ok(text.trim() && TABLES.zh[key].trim(), key)
  }
})

test('a locale chooses its language, English where there is none', () => {
  assert.equal(translator('zh-TW')('close'), TABLES.zh.close)
  assert.equal(translator('fr')('close'), TABLES.en.close)
  assert.equal(translator('en')('ofFrames', { last: 80 }), '/ 80')
})
