import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasMalformedReference, mentionsSecret, replaceReferences, replaceReferencesIn, secretName, secretsIn } from './secret-reference.ts'

const names = fc.stringMatching(secretName)
const plain = fc.string().filter((text) => !text.includes('{') && !text.includes('}'))

test('references are found and replaced wherever they stand in a text, and nothing else of it changes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(plain, names, fc.constantFrom('', ' ', '\t')), { maxLength: 5 }), plain, (parts, end) => {
      const text = parts.map(([before, name, blank]) => `${before}{{${blank}secret:${blank}${name}${blank}}}`).join('') + end
      expect(secretsIn(text)).toEqual([...new Set(parts.map(([, name]) => name))])
      expect(hasMalformedReference(text)).toBe(false)
      expect(replaceReferences(text, (name) => `<${name}>`)).toBe(parts.map(([before, name]) => `${before}<${name}>`).join('') + end)
    }),
  )
})

test('a value is not looked through for references again, and signs of a replacement mean nothing in it', () => {
  expect(replaceReferences('{{secret:a}}', () => '{{secret:b}} $& $1')).toBe('{{secret:b}} $& $1')
})

test.each(['{{secret:}}', '{{secret:A}}', '{{secret:a b}}', '{{ Secret: a }}', '{{secret:-a}}', `{{secret:${'a'.repeat(65)}}}`, '{{secret:a', 'x {{secret:a}} {{secret:é}}'])('what is meant as a reference and is none is noticed: %s', (text) => {
  expect(hasMalformedReference(text)).toBe(true)
})

test.each(['', 'secret:a', '{secret:a}', '{{payload.secret}}', '{{secrets:a}}', '${secret:a}'])('other texts are left alone: %s', (text) => {
  expect([mentionsSecret(text), hasMalformedReference(text), secretsIn(text)]).toEqual([false, false, []])
})

test('what holds no reference stays the same object, and prototypes are not touched', () => {
  const value = { a: [{ b: 'text' }], n: null, d: 1 }
  expect(replaceReferencesIn(value, () => 'x')).toBe(value)
  const changed = replaceReferencesIn(JSON.parse('{"__proto__":{"t":"{{secret:a}}"},"k":["{{secret:a}}",1]}') as Record<string, unknown>, () => 'v')
  expect(JSON.stringify(changed)).toBe('{"__proto__":{"t":"v"},"k":["v",1]}')
  expect(Object.getPrototypeOf(changed)).toBe(Object.prototype)
})
