import { join } from 'node:path'
import type { Settings } from '../../settings.ts'
import { CommandFailed, exitCodes } from '../outcome.ts'
import { ChildFailed, createChild } from './child.ts'
import { childEnvironment, gatewayDir, gatewayFlags, projectDir } from './plan.ts'
import { busyPortSentence } from './port.ts'
import { makeGatewayFolder } from './supervisor.ts'

/** `sluice gateway`: one gateway process under Node's permission model, started again when it dies. */
export async function runGatewayAlone(settings: Settings): Promise<number> {
  if (!settings.controlUrl) throw new CommandFailed('SLUICE_CONTROL_URL is not set; expected the address of control, such as http://control:1880.', {}, exitCodes.usage)
  await makeGatewayFolder(settings)
  const child = createChild({
    name: 'gateway',
    file: join(projectDir, 'runtime', 'cli', 'gateway-process.ts'),
    args: ['--alone'],
    execArgv: gatewayFlags(settings),
    env: () => childEnvironment('gateway', settings, join(gatewayDir(settings), 'cache')),
    forbidCores: true,
    logsTo: 'stdout',
  }, {
    ready() {},
    heard() {},
    died: (how, againMs) => void process.stderr.write(`The gateway ended (${how}) and is started again in ${againMs} ms.\n`),
  })
  const stopAsked = new Promise<void>((settle) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => settle())
    process.on('disconnect', () => {
      child.kill()
      settle()
    })
  })
  try {
    const started = child.start()
    await Promise.race([started, stopAsked])
    await stopAsked
    started.catch(() => {})
    await child.stop(settings.drainLimitMs)
    return exitCodes.done
  } catch (thrown) {
    await child.stop(0)
    if (!(thrown instanceof ChildFailed)) throw thrown
    const variable = thrown.busyPort === settings.opsPort ? 'SLUICE_OPS_PORT' : 'SLUICE_GATEWAY_PORT'
    throw new CommandFailed(thrown.busyPort === undefined ? thrown.message : await busyPortSentence(variable, thrown.busyPort))
  }
}
