import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../kit/sources.ts'
import { topLevel } from './rooms.ts'

const files = listFiles()

test('the top of the project holds only the rooms and files that the plan names', () => {
  const top = new Set(files.map((file) => file.split('/')[0] as string))
  expect([...top].filter((name) => !topLevel.has(name))).toEqual([])
})

test('files and folders are named in kebab-case', () => {
  // Shouting names are those the world expects; a language's folder is named by its tag; a Helm chart has fixed names.
  const fixed = /^(README|CONTRIBUTING|CHANGELOG|LICENSE|NOTICE|Dockerfile|Chart|NOTES)(\.[a-z]+)*$|^zh-TW(\.[a-z]+)*$|^en-US(\.[a-z]+)*$|^_[a-z-]+\.tpl$/
  const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/
  const breaches = files.filter((file) => file.split('/').some((part) => !kebab.test(part) && !fixed.test(part)))
  expect(breaches).toEqual([])
})

test('no file is named after a shelf instead of a thing', () => {
  const shelves = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'manager', 'types'])
  expect(files.filter((file) => shelves.has(basename(file).split('.')[0] as string))).toEqual([])
})
