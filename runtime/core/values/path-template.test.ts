import { anything, assert, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePathTemplate, TemplateError } from './path-template.ts'

const message = { payload: { id: 7, name: 'a b', list: [{ x: true }], none: null }, topic: 't' }

describe('a path template', () => {
  it('puts values in the place of their paths', () => {
    expect(parsePathTemplate('/u/{{payload.id}}/{{ msg.payload.list[0].x }}-{{{topic}}}{{&topic}}').render(message)).toBe('/u/7/true-tt')
    expect(parsePathTemplate('{{payload.none}}{{payload.missing.deep}}').render(message)).toBe('')
    expect(parsePathTemplate('{{payload.list}}').render(message)).toBe('[{"x":true}]')
  })
  it('is constant without an expression', () => {
    expect(parsePathTemplate('a {b} }}')).toMatchObject({ constant: true, text: 'a {b} }}' })
    expect(parsePathTemplate('{{a}}').constant).toBe(false)
  })
  it('encodes as its place asks', () => {
    expect(parsePathTemplate('/{{payload.name}}').render(message, (value) => encodeURIComponent(String(value)))).toBe('/a%20b')
  })
  it.each(['{{', '{{a', '{{}}', '{{#a}}x{{/a}}', '{{^a}}', '{{>a}}', '{{!a}}', '{{a b}}', '{{a..b}}', '{{__proto__.x}}', '{{constructor}}', '{{{a}}'])('refuses %s', (text) => {
    expect(() => parsePathTemplate(text)).toThrow(TemplateError)
  })
  it('never reads what lies on a prototype as code, and never throws anything else', () => {
    assert(property(string(), anything(), (text, value) => {
      let rendered: unknown = ''
      try {
        rendered = parsePathTemplate(text).render({ payload: value }, () => '')
      } catch (error) {
        rendered = error instanceof TemplateError ? '' : error
      }
      expect(typeof rendered).toBe('string')
    }))
  })
  it('without braces renders to itself', () => {
    assert(property(string(), (given) => {
      const text = given.replaceAll('{', '')
      expect(parsePathTemplate(text).render({})).toBe(text)
    }))
  })
})
