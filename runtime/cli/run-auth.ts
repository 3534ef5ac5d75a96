import { createAuthServer } from '../../auth-server/auth-server.ts'
import { openAuthority } from '../../control/oauth/open-authority.ts'
import { systemClock } from '../core/time/clock.ts'
import { clientAddress, createTrust } from '../http/client-address.ts'
import type { Settings } from '../settings.ts'
import { openLog } from '../telemetry/log.ts'
import { exitCodes } from './outcome.ts'
import { pagesOrigins } from './pages-origins.ts'
import { failToStart, openChildChannel } from './start/child-channel.ts'
import { formatOf } from './start/log-format.ts'
import { openUpstream } from './upstream-provider.ts'
import { watchProcess } from './watch-process.ts'

/** The process of the authorization server: it opens control's records beside control, and serves also while that is down. */
export async function runAuth(settings: Settings, { supervised = false } = {}): Promise<number> {
  const channel = openChildChannel(settings.drainLimitMs, supervised)
  const log = openLog({ level: settings.logLevel, format: formatOf(settings), base: { role: 'auth' } })
  watchProcess(log)
  try {
    const authority = await openAuthority({ dataDir: settings.dataDir, databaseUrl: settings.databaseUrl, credentialsKey: settings.credentialKey, tokenTtlMs: settings.authTokenTtlMs, pagesOrigins: pagesOrigins(settings), clock: systemClock, log })
    const upstream = openUpstream(settings, log)
    const trusts = createTrust(settings.trustedProxies)
    const server = createAuthServer({
      authority,
      host: settings.host,
      port: settings.authPort,
      issuer: settings.authIssuer,
      accessTokenMs: settings.authTokenTtlMs,
      upstream: upstream?.provider,
      clock: systemClock,
      log,
      clientOf: ({ socket, headers }) => clientAddress(socket.remoteAddress ?? '', headers['x-forwarded-for']?.toString(), trusts),
    })
    const { url, issuer } = await server.listen()
    log.info({ url, issuer }, 'the authorization server is ready')
    channel.tell({ say: 'ready', facts: { url } })
    await channel.stopAsked
    await server.close()
    await authority.close()
    await upstream?.close()
    log.flush()
    process.exit(exitCodes.done)
  } catch (thrown) {
    log.flush()
    return failToStart(channel, thrown)
  }
}
