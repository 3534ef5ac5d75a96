import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { notYet } from '../nodes/not-yet.ts'
import { listFiles, readSource, root } from '../test/kit/sources.ts'

const documents = listFiles().filter((file) => file.endsWith('.md') && !file.startsWith('nodes/'))

test('README and the compatibility page name every node that is not available', () => {
  const missing = (text: string) => notYet.filter((node) => !text.includes(`\`${node.name}\``)).map((node) => node.name)
  expect(missing(readSource('README.md'))).toEqual([])
  expect(missing(readSource('docs/node-red.md'))).toEqual([])
})

test('nodes that are available are not called missing', () => {
  const section = readSource('README.md').split('not available yet')[1]?.split('Flows that have them')[0] ?? ''
  const named = [...section.matchAll(/`([^`]+)`/g)].map((match) => match[1])
  expect(named.filter((name) => !notYet.some((node) => node.name === name))).toEqual([])
})

test('the compatibility page says of every node what its own page says', () => {
  const page = readSource('docs/node-red.md')
  const missing = readdirSync(join(root, 'nodes'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => {
    const help = join(root, 'nodes', entry.name, 'help.md')
    if (!existsSync(help)) return []
    const said = /\*\*Differences from Node-RED\*\* (.+)/.exec(readFileSync(help, 'utf8').split('## zh')[0] ?? '')?.[1]?.trim()
    return said && !page.includes(said) ? [`${entry.name}: ${said}`] : []
  })
  expect(missing).toEqual([])
})

test('links between documents lead somewhere', () => {
  const broken = documents.flatMap((file) => [...readSource(file).matchAll(/\]\(([^)#\s]+)\)/g)].map((match) => match[1] as string)
    .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(resolve(root, dirname(file), target)))
    .map((target) => `${file}: ${target}`))
  expect(broken).toEqual([])
})
