import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shownUrl } from './shown-url.ts'

describe('the URL that faults and log lines show', () => {
  it.each([
    ['https://api.example/v1/items?key=s3cret', 'https://api.example/v1/items'],
    ['ftp://api.example/#s3cret', 'ftp://api.example/'],
    ['https://me:s3cret@api.example/a', 'https://api.example/a'],
    ['https:\\\\me:s3cret@api.example\\a', 'https:\\\\api.example\\a'],
    ['//me:s3cret@api.example', '//api.example'],
    ['me:s3cret@api.example', 'me:api.example'],
    ['https://api.example/@me', 'https://api.example/@me'],
    ['', ''],
  ])('of “%s” is “%s”', (url, shown) => expect(shownUrl(url)).toBe(shown))

  it('never holds query, fragment or password, and is never long', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const shown = shownUrl(`${before}?${after}`)
        expect(shown).not.toMatch(/[?#]/)
        expect(shown.length).toBeLessThanOrEqual(200)
        expect(shownUrl(`http://u:s3cret@h/${after}`)).not.toContain('s3cret@')
      }),
    )
  })
})
