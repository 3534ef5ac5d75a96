import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Body } from '../../core/http/body.ts'
import { hidden } from '../../core/secrets/secret-forms.ts'
import { toBodyRecord } from './body-record.ts'
import { cleanBytes, cleanText } from './clean-text.ts'
import { createHiding } from './hiding.ts'
import { show, showMessage } from './show.ts'

/** Letters only, so that JSON writes it as it is, and none of the words of a message. */
const secret = fc.string({ unit: fc.constantFrom('q', 'x', 'z', 'j', 'k', 'v', 'w'), minLength: 8, maxLength: 40 })

describe('what is hidden', () => {
  it('is in no part of a message, wherever a flow put it', () => {
    fc.assert(fc.property(secret, fc.jsonValue({ maxDepth: 3 }), fc.string(), fc.string(), (value, other, before, after) => {
      const hiding = createHiding([], [value])
      const message = { payload: { text: `${before}${value}${after}`, list: [other, value], [`key`]: { deep: [[value]] } }, body: Body.ofJsonText(JSON.stringify({ a: value })), error: new Error(value) }
      expect(JSON.stringify(showMessage(message, undefined, hiding))).not.toContain(value)
      expect(JSON.stringify(toBodyRecord(JSON.stringify(message.payload), 'application/json', hiding))).not.toContain(value)
      expect(JSON.stringify(toBodyRecord(`x=${value}&y=1`, 'application/x-www-form-urlencoded', hiding))).not.toContain(value)
    }))
  })

  it('is what names say, in any case and notation', () => {
    const hiding = createHiding(['x-tenant'], [])
    for (const name of ['Authorization', 'proxy-authorization', 'Cookie', 'Set-Cookie', 'responseCookies', 'password', 'userPassword', 'client_secret', 'clientSecret', 'X-API-Key', 'apiKey', 'access_token', 'refreshToken', 'privateKey', 'credentials', 'X-Tenant', 'jwt', 'session_id']) {
      expect(show({ [name]: 'v' }, hiding), name).toEqual({ [name]: hidden })
      expect(hiding.headers({ [name]: 'v' }), name).toEqual({ [name]: hidden })
      expect(hiding.url(`/a?b=1&${name}=v`), name).toBe(`/a?b=1&${name}=${hidden}`)
    }
    for (const name of ['author', 'tokens', 'passage', 'keyboard', 'secretary-general'.slice(0, 3), 'monkey']) expect(hiding.isSecret(name), name).toBe(false)
  })

  it('is a user in a URL, and what follows Bearer or Basic', () => {
    const hiding = createHiding([], [])
    expect(hiding.url('https://ada:pw@example.org/a')).toBe(`https://${hidden}@example.org/a`)
    expect(hiding.text('sent Authorization: Bearer abcdefghijkl')).toBe(`sent Authorization: Bearer ${hidden}`)
  })
})

describe('a text that was cut', () => {
  const hiding = createHiding([], ['plain-secret-42'])
  it.each([
    ['application/json', '{"a":[1,{"b":2,"password":"named-secr', '{"a":[1,{"b":2}]}'],
    ['application/json', '{"a":1,"credentials":{"user":"u","pin":"12', '{"a":1,"credentials":"[hidden]"}'],
    ['application/x-ndjson', '{"token":"t"}\n{"a":1,"token":"named-se', '{"token":"[hidden]"}\n{"a":1}'],
    ['text/event-stream', 'event: a\ndata: {"token":"t"}\n\ndata: {"a":1,\ndata: "token":"named"}\n\ndata: plain-secr', `event: a\ndata: {"token":"[hidden]"}\n\ndata: {"a":1,"token":"[hidden]"}\n\ndata: ${hidden}`],
    ['text/plain', 'it is plain-sec', `it is ${hidden}`],
    ['multipart/form-data; boundary=b', '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; name="password"\r\n\r\nnamed-se', `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; name="password"\r\n\r\n${hidden}`],
    ['application/json-seq', '\x1e{"token":"t"}\n\x1e{"a":', '\x1e{"token":"[hidden]"}\n\x1e{}'],
  ])('of %s holds neither what a name gives away nor the beginning of a secret: %s', (type, text, shown) => {
    expect(cleanText(text, type, hiding, true)).toBe(shown)
  })

  it('never shows what a field of a form is called as a secret, in text or bytes, wherever it ends', () => {
    const part = (name: string, value: string) => `\r\n--"b" \r\nContent-Disposition: form-data; name=${name}\r\n\r\n${value}`
    const form = `before${part('"title"', '\xff\xd8 --"b"')}${part('"password"', 'qqqqzzzz')}${part('api_key', 'qqqqzzzz')}${part('"file"; filename="a.json"\r\nContent-Type: application/json', '{"client_secret":"qqqqzzzz"}')}\r\n--"b"--`.replaceAll('"b"', 'bound')
    const type = 'Multipart/Form-Data; charset=utf-8; boundary="bound"'
    fc.assert(fc.property(fc.nat({ max: form.length }), (end) => {
      expect(cleanText(form.slice(0, end), type, createHiding([], []), true)).not.toContain('q')
      expect(cleanBytes(Buffer.from(form.slice(0, end), 'latin1'), type, createHiding([], []), true)?.toString('latin1') ?? '').not.toContain('q')
    }))
  })

  it('never shows what a name gives away, wherever it ends', () => {
    const lines = [1, 2].map((n) => `${JSON.stringify({ n, list: [{ client_secret: 'qqqqzzzz' }], last: { password: 'qqqqzzzz' } })}\n`).join('')
    fc.assert(fc.property(fc.nat({ max: lines.length }), fc.constantFrom('application/x-ndjson', 'text/plain', 'application/json'), (end, type) => {
      expect(cleanText(lines.slice(0, end), type, createHiding([], []), true)).not.toContain('q')
    }))
  })
})

describe('what is shown', () => {
  it('is JSON and bounded, whatever came', () => {
    const hiding = createHiding([], [])
    fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }), (value) => {
      const shown = show({ value }, hiding, { values: 50, characters: 500, textCharacters: 100, depth: 5 })
      const text = JSON.stringify(shown)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(shown)))
      expect(text.length).toBeLessThan(5000)
    }))
  })

  it('ends where a message goes round in a circle', () => {
    const circle: Record<string, unknown> = { a: 1 }
    circle['self'] = circle
    expect(show(circle, createHiding([], []))).toEqual({ a: 1, self: '[circular]' })
  })

  it('parses no large body that nobody has parsed', () => {
    const large = Body.ofJsonBytes(Buffer.from(JSON.stringify({ text: 'x'.repeat(400_000) })))
    expect(show(large, createHiding([], []))).toMatch(/^\[\d+ bytes, not parsed\]$/)
    expect(large.parsed).toBe(false)
  })

  it('keeps names such as __proto__ as what they are', () => {
    const shown = show(JSON.parse('{"__proto__": {"polluted": true}}'), createHiding([], [])) as object
    expect(Object.hasOwn(shown, '__proto__')).toBe(true)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
