import { expect, test } from 'vitest'
import { settingNames } from '../../runtime/settings.ts'
import { isForDevelopment, isSource, listFiles, readSource } from '../kit/sources.ts'

test('every setting is read by something: none is only promised', () => {
  const readers = listFiles()
    .filter((file) => isSource(file) && !isForDevelopment(file) && !file.startsWith('runtime/settings'))
    .map(readSource)
  const unread = settingNames.filter((name) => !readers.some((text) => new RegExp(`\\b${name}\\b`).test(text)))
  expect(unread).toEqual([])
})
