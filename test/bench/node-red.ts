import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { freePort } from '../kit/free-port.ts'
import { root } from '../kit/sources.ts'
import { startChild } from './child.ts'
import type { Contestant } from './contestant.ts'
import { serverCore } from './machine.ts'

/** Stock Node-RED 5 without editor and with quiet logs, on the same flow JSON. */
export function nodeRed(nodes: readonly EditorNode[]): Contestant {
  return {
    name: 'nodeRed',
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-node-red-'))
      const port = await freePort()
      writeFileSync(join(folder, 'flows.json'), JSON.stringify(nodes))
      writeFileSync(
        join(folder, 'settings.js'),
        `module.exports = ${JSON.stringify({
          uiHost: '127.0.0.1', uiPort: port, flowFile: 'flows.json', credentialSecret: false, httpAdminRoot: false, disableEditor: true,
          telemetry: { enabled: false }, logging: { console: { level: 'info', metrics: false, audit: false } },
          externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
        })}\n`,
      )
      const red = join(root, 'node_modules', 'node-red', 'red.js')
      const child = startChild(process.execPath, [red, '-s', join(folder, 'settings.js'), '-u', folder], { core: serverCore, cwd: folder })
      await child.line((line) => (line.includes('Started flows') ? true : undefined))
      return {
        port,
        pid: child.pid,
        async stop() {
          await child.stop()
          rmSync(folder, { recursive: true, force: true })
        },
      }
    },
  }
}

