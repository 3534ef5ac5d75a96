import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault } from '../fault.ts'
import { TemplateError } from '../values/path-template.ts'
import { parseUrlTemplate } from './url-template.ts'

const render = (text: string, payload: unknown) => parseUrlTemplate(text).render({ payload })

describe('a URL template', () => {
  it('encodes values into path and query', () => {
    expect(render('https://h.example/a/{{payload.id}}/b?q={{payload.q}}&r=1#x', { id: 'x/y?z', q: 'a&b=松' })).toBe('https://h.example/a/x%2Fy%3Fz/b?q=a%26b%3D%E6%9D%BE&r=1')
    expect(render('http://h:80/v{{payload.v}}-{{payload.w}}', { v: 1, w: true })).toBe('http://h/v1-true')
    expect(render('http://h?a={{payload.none}}', {})).toBe('http://h/?a=')
    expect(render('http://h/{{payload["a/b?c"]}}', { 'a/b?c': 1 })).toBe('http://h/1')
  })
  it('without an expression is read once', () => {
    expect(parseUrlTemplate(' HTTP://H.Example:8080/a/../b?x=松 ')).toMatchObject({ constant: true, origin: 'http://h.example:8080' })
    expect(render('http://h/a/../b', {})).toBe('http://h/b')
  })
  it.each([undefined, null, '', {}, [], '.', '..'])('refuses %j in a path', (id) => {
    expect(() => render('http://h/a/{{payload.id}}', { id })).toThrow(expect.objectContaining({ code: 'step.config' }))
  })
  it('refuses a dot segment that several values make', () => {
    expect(() => render('http://h/a/{{payload.x}}{{payload.x}}/b', { x: '.' })).toThrow(/lead out/)
    expect(() => render('http://h/a/.{{payload.x}}/b', { x: '.' })).toThrow(/lead out/)
    expect(render('http://h/a/v{{payload.x}}', { x: '..' })).toBe('http://h/a/v..')
  })
  it.each(['h/a', 'ftp://h/', '//h/', 'https://{{payload.host}}/', 'https://h{{payload.x}}/', 'https://h:{{payload.port}}/', 'https://u:p@h/', 'https:///', 'https://', 'https://a b/', 'http://h/{{#a}}', 'http://h\\@evil/{{', '{{payload.url}}'])('refuses %s', (text) => {
    expect(() => parseUrlTemplate(text)).toThrow(TemplateError)
  })
  it('never leaves its host and path, whatever the value', () => {
    const template = parseUrlTemplate('https://h.example/a/{{payload}}/end?q={{payload}}')
    assert(property(string({ minLength: 1, unit: 'binary' }), (payload) => {
      if (payload === '.' || payload === '..') return // refused: told above
      const url = new URL(template.render({ payload }))
      const segments = url.pathname.split('/')
      expect([url.host, segments.length, segments[1], segments[3], [...url.searchParams.keys()].length]).toEqual(['h.example', 4, 'a', 'end', 1])
      expect(url.searchParams.get('q')).toBe(payload.toWellFormed())
    }))
  })
})

describe('the rest of a path', () => {
  const rest = (text: string, url = 'https://api.example/v1/{{+req.params["*"]}}') => parseUrlTemplate(url).render({ req: { params: { '*': text } } })

  it('keeps its slashes and encodes all else', () => {
    expect(rest('a/b c/ü?x#y')).toBe('https://api.example/v1/a/b%20c/%C3%BC%3Fx%23y')
    expect(rest('', 'https://api.example/v1/{{+req.params["*"]}}?k=1')).toBe('https://api.example/v1?k=1')
    expect(parseUrlTemplate('https://api.example/{{+rest}}').render({})).toBe('https://api.example/')
  })

  it('leads nowhere but below what stands before it', () => {
    assert(property(array(oneof(constantFrom('..', '.', '%2e%2e', '%2E.', '\\', '', '?', '#', '@'), string({ unit: 'binary' })), { maxLength: 5 }), (parts) => {
      let url: string
      try {
        url = rest(parts.join('/'))
      } catch (error) {
        expect(error).toBeInstanceOf(Fault)
        return
      }
      expect(`${new URL(url).href}/`.startsWith('https://api.example/v1/')).toBe(true)
    }))
  })

  it('stands at the end only', () => {
    expect(() => parseUrlTemplate('https://api.example/{{+a}}/b')).toThrow(TemplateError)
    expect(() => parseUrlTemplate('https://api.example/x{{+a}}')).toThrow(TemplateError)
  })
})
