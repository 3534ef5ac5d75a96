import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHideText } from './secret-forms.ts'

const secret = 'pl/ugh+ "plover" é42'
const hide = createHideText([secret]) as (text: string) => string

/** Every character percent-encoded, also those that need not be. */
const wholly = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

describe('a secret in a text', () => {
  it.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON within JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['in a URL', `https://a.example/x?k=${encodeURIComponent(secret)}&b=1`],
    ['in a URL, in small letters', `/x?k=${encodeURIComponent(secret).replaceAll(/%../g, (one) => one.toLowerCase())}`],
    ['in a form', new URLSearchParams({ k: secret, b: '1' }).toString()],
    ['percent-encoded as a whole', `/x?k=${wholly(secret)}&b=1`],
    ['percent-encoded twice', `/x?back=${encodeURIComponent(`/y?k=${encodeURIComponent(secret)}`)}&b=1`],
    ['in hexadecimal digits', `key ${Buffer.from(secret).toString('hex')}.`],
    ['in hexadecimal digits, in capitals', Buffer.from(secret).toString('hex').toUpperCase()],
    ['in Base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['in what was encoded with it', `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`],
    ['in what was encoded with it, elsewhere', Buffer.from(`{"k":"x${secret}y"}`).toString('base64url')],
  ])('is hidden %s', (_how, text) => {
    const shown = hide(text)
    expect(shown).toContain('[hidden]')
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64').slice(2, 20)]) expect(shown.toLowerCase()).not.toContain(form.toLowerCase())
  })

  it('leaves no beginning of itself at the end of a text that was cut', () =>
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(secret, encodeURIComponent(secret), wholly(secret), Buffer.from(secret).toString('hex'), JSON.stringify(secret).slice(1, -1)), fc.nat({ max: 60 }), (before, form, at) => {
        const kept = form.slice(0, Math.max(4, at % form.length))
        fc.pre(!before.includes('[') && !before.includes(kept))
        expect(createHideText([secret])?.(`${before} ${kept}`, true)).not.toContain(kept)
      }),
      { numRuns: 60 },
    ))

  it('is taken out alone: what stands around it stays', () => {
    expect(hide(`https://a.example/x?k=${encodeURIComponent(secret)}&b=1`)).toBe('https://a.example/x?k=[hidden]&b=1')
    expect(hide(`/x?k=${wholly(secret)}&b=%20`)).toBe('/x?k=[hidden]&b=%20')
    expect(hide(`Authorization: Bearer ${Buffer.from(secret).toString('base64')} sent`)).toBe('Authorization: Bearer [hidden] sent')
  })

  it('is found wherever it stands in whatever, and other texts stay as they are', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 8, maxLength: 24 }), fc.string(), fc.string(), fc.constantFrom('utf8', 'hex', 'base64', 'base64url', 'percent'), (value, before, after, how) => {
        const own = createHideText([value])
        if (!own || value.trim() !== value || !value.isWellFormed()) return
        const text = how === 'percent' ? encodeURIComponent(value) : Buffer.from(`${how === 'utf8' ? '' : before.toWellFormed()}${value}${how === 'utf8' ? '' : after.toWellFormed()}`).toString(how as BufferEncoding)
        const whole = how === 'hex' ? text : `${before} ${text} ${after}`
        expect(own(whole)).toContain('[hidden]')
        expect(own(whole)).not.toContain(text)
      }),
      { numRuns: 150 },
    ))

  it('is not looked for when it is shorter than any that could be told from other texts', () => {
    expect(createHideText(['', 'abcd', '    '])).toBeUndefined()
    expect(hide('100% of nothing, and %zz')).toBe('100% of nothing, and %zz')
  })
})
