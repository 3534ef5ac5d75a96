import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRandomPool } from '../random-pool.ts'
import { couldBeCard, createShapeMaker } from './shape-token.ts'

const shapes = createShapeMaker(createRandomPool())
const classes = [/[0-9]/, /[a-z]/, /[A-Z]/, /\p{Script=Han}/u, /[ぁ-ゖ]/, /[ァ-ヺ]/, /[ㄅ-ㄯ]/, /[가-힣]/, /[０-９]/]
const shapeOf = (text: string) => Array.from(text, (character) => classes.findIndex((pattern) => pattern.test(character))).join()

/** Card numbers of any length, with a right check digit. */
const card = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 18 }).map((digits) => {
  const sum = digits.toReversed().reduce((total, digit, place) => total + (place % 2 === 0 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit), 0)
  return [...digits, (10 - (sum % 10)) % 10].join('')
})

test('a token has the length of its value, and the class of each character', () => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom('a', 'Z', '0', '9', ' ', '-', '/', '王', '龘', 'あ', 'ア', 'ㄅ', '한', '９'), fc.string({ minLength: 1, maxLength: 1 })), minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 4 }), (value, keepLast) => {
      const token = shapes.draw(value, keepLast)
      if (token === undefined) return
      expect(shapeOf(token)).toBe(shapeOf(value))
      expect(token).not.toBe(value)
      if (keepLast > 0) expect(Array.from(token).slice(-keepLast)).toEqual(Array.from(value).slice(-keepLast))
    }),
    { numRuns: 300 },
  )
})

test('no token of a card number passes the check of cards, with the last four kept, with separators, or inside other text', () => {
  fc.assert(
    fc.property(card, fc.integer({ min: 0, max: 4 }), fc.constantFrom('', ' ', '-', '.'), fc.constantFrom('', 'card: '), (digits, keepLast, separator, before) => {
      expect(couldBeCard(digits)).toBe(true)
      const value = before + digits.replace(/(\d{4})(?=\d)/g, `$1${separator}`)
      const token = shapes.draw(value, keepLast) as string
      expect(couldBeCard(token)).toBe(false)
      expect(couldBeCard(token.replace(/\D/g, ''))).toBe(false)
      expect(token.endsWith(value.slice(value.length - keepLast))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('punctuation and spaces stay where they are, Chinese stays Chinese that people use', () => {
  expect(shapes.draw('(02) 2720-8889 #12', 0)).toMatch(/^\(\d{2}\) \d{4}-\d{4} #\d{2}$/)
  expect(shapes.draw('臺北市信義區市府路1號', 0)).toMatch(/^\p{Script=Han}{9}\d\p{Script=Han}$/u)
  expect(shapes.draw('wang.ming+tag@example.com', 0)).toMatch(/^[a-z]{4}\.[a-z]{4}\+[a-z]{3}@[a-z]{7}\.[a-z]{3}$/)
})

test('where nothing can change there is no token', () => {
  for (const [value, keepLast] of [['', 0], ['---', 0], ['1234', 4], ['12', 3], ['🙂 ', 0]] as const) expect(shapes.draw(value, keepLast)).toBeUndefined()
})

test('a token can lie in any database: no NUL, no half of a surrogate pair', () => {
  const token = shapes.draw('a\0b\ud800c', 0) as string
  expect(token.isWellFormed()).toBe(true)
  expect(token).not.toContain('\0')
  expect(token).toHaveLength(5)
})
