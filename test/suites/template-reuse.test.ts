import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createTemplate } from '../../runtime/sandbox/template.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { memoryContexts } from '../kit/memory-context.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Upstream } from '../../runtime/core/upstream/upstream.ts'
import { createReuse } from '../../runtime/reuse/create-reuse.ts'
import { inputsOfTemplate } from '../../runtime/reuse/template-inputs.ts'

it('the inputs of a template are told from its text, or it is filled each time', () => {
  expect(inputsOfTemplate('<h1>{{title}}</h1>{{#payload.rows}}<li>{{name}} {{{unit}}} {{.}}</li>{{/payload.rows}}{{^none}}-{{/none}}')).toEqual([['title'], ['payload', 'rows'], ['name'], ['unit'], ['none']])
  for (const text of ['{{payload.a}}', 'no tags', '{{#a}}{{env.X}}{{/a}}', '{{#a}}{{flow.x}}{{/a}}', '{{#a}}{{/a}}{{global[disk].x}}', '{{#a}}{{/a}}{{.}}', '{{=<% %>=}}<%#a%><%/a%>', '{{#a}}{{> part}}{{/a}}', '{{#res}}{{/res}}']) expect([text, inputsOfTemplate(text)]).toEqual([text, undefined])
})

it('a template that is filled again on what it was filled with says the same, and is not filled again', async () => {
  let filled = 0
  const plain = { template: async (...asked: Parameters<typeof createTemplate>) => createTemplate(...asked) }
  const counting = { async template(...asked: Parameters<typeof createTemplate>) {
    const render = createTemplate(...asked)
    return ((message, run_) => (filled++, render(message, run_))) as typeof render
  } } as unknown as Sandbox
  const host = { owner: 'o', id: 'n', env: () => 'e', contexts: memoryContexts() }
  const run = { flow: 'f' } as Run
  const part = fc.constantFrom('x', '{{a}}', '{{{b.c}}}', '{{#list}}[{{a}}{{.}}]{{/list}}', '{{#b}}{{c}}{{d}}{{/b}}', '{{^list}}none{{/list}}', '{{#list}}{{#b}}{{c}}{{/b}}{{/list}}')
  const value = fc.constantFrom(1, 'two', null, undefined, [], [1, { a: 'in', c: 3 }], { c: '<c>', d: 4 }, { c: 0 })
  const messages = fc.array(fc.record({ a: value, b: value, list: value, c: value, d: value, other: value }), { minLength: 1, maxLength: 8 })
  await fc.assert(fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), messages, async (parts, given) => {
    const reuse = createReuse({ limitBytes: 1_000_000 })
    const { sandbox } = reuse.forNode({ id: 'n', flow: 'f' }, { upstream: {} as Upstream, sandbox: counting }, true)
    const text = parts.join('')
    const [reused, each] = [await sandbox.template(text, host, 'html'), await plain.template(text, host, 'html')]
    for (const message of [...given, ...given]) expect(await reused(message, run)).toBe(await each(message, run))
  }), { numRuns: 150 })
  const reuse = createReuse({ limitBytes: 1_000_000 })
  const { sandbox } = reuse.forNode({ id: 'n', flow: 'f' }, { upstream: {} as Upstream, sandbox: counting }, true)
  const render = await sandbox.template('{{#list}}{{.}}{{/list}}', host, 'html')
  const list = [1, 2]
  filled = 0
  for (let i = 0; i < 5; i += 1) expect(await render({ list, other: i }, run)).toBe('12')
  expect(filled).toBe(1)
})
