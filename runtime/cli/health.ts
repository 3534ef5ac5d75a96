import type { Settings } from '../settings.ts'
import { CommandFailed, type Output } from './outcome.ts'

/**
 * `sluice health`, for containers: whichever of control and gateway listens on this machine has to say that
 * it is well, and one of them has to listen.
 */
export async function runHealth(settings: Settings, output: Output): Promise<void> {
  // Control's certificate is not for a loopback address; a gateway's operators' port never speaks TLS.
  const ports = settings.controlTlsCertFile ? [settings.opsPort] : [settings.opsPort, settings.controlPort]
  const answers = await Promise.all(ports.map(async (port) => {
    const reply = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    return reply && { port, status: reply.status }
  }))
  const found = answers.filter((answer) => answer !== undefined)
  if (found.length === 0) throw new CommandFailed('Nothing of Sluice listens here.')
  const ill = found.filter((answer) => answer.status !== 200)
  if (ill.length > 0) throw new CommandFailed(`Port ${ill[0]?.port} answers ${ill[0]?.status}.`, { answers: found })
  output.result('Well.', { ok: true, answers: found })
}
