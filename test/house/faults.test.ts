import { expect, test } from 'vitest'
import { faults } from '../../runtime/core/faults.ts'
import { isSource, listFiles, readSource } from '../kit/sources.ts'

const sources = listFiles().filter((file) => isSource(file) && !file.endsWith('.test.ts') && !file.startsWith('test/') && file !== 'runtime/core/faults.ts')
const texts = sources.map((file) => ({ file, text: readSource(file) }))

test('every code of the register is used somewhere', () => {
  const unused = Object.keys(faults).filter((code) => !texts.some(({ text }) => text.includes(`'${code}'`) || text.includes(`"${code}"`)))
  expect(unused).toEqual([])
})

test('no fault is raised that the register does not know', () => {
  const unknown: string[] = []
  for (const { file, text } of texts) {
    for (const match of text.matchAll(/\bfault\(\s*['"]([^'"]+)['"]/g)) {
      if (!((match[1] as string) in faults)) unknown.push(`${file}: ${match[1]}`)
    }
  }
  expect(unknown).toEqual([])
})

test('codes are dotted, statuses are HTTP statuses, and every text is a sentence', () => {
  for (const [code, entry] of Object.entries(faults)) {
    expect(code).toMatch(/^[a-z]+(\.[a-z_]+)+$/)
    expect(entry.status).toBeGreaterThanOrEqual(400)
    expect(entry.status).toBeLessThan(600)
    expect(entry.title.length).toBeGreaterThan(3)
  }
})
