import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { nodeFlags } from '../node-flags.mjs'

const script = `
import { watchProcess } from ${JSON.stringify(new URL('./watch-process.ts', import.meta.url).href)}
import { openLog } from ${JSON.stringify(new URL('../telemetry/log.ts', import.meta.url).href)}
watchProcess(openLog({ level: 'info', format: 'json' }))
void Promise.reject(new Error('forgotten'))
setTimeout(() => { throw new Error('thrown') }, 50)
`

it('a forgotten promise is logged and ends nothing; a thrown error ends the process with its reason in the log', async () => {
  const child = spawn(process.execPath, [...nodeFlags, '--input-type=module', '-e', script])
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  expect(code).not.toBe(0)
  expect(out).toContain('"reason":"forgotten"')
  expect(out).toContain('"reason":"thrown"')
})
