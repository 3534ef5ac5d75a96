import { fault } from '../../runtime/core/fault.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { parseNetworks } from '../../runtime/core/access/networks.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { createRefuse } from '../shared/limits/limit-refusal.ts'

export interface AccessControlConfig {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

const networks = (title: string, description: string) => ({ type: 'array', default: [], title, description, items: { type: 'string' }, 'x-form': 'list' }) as const

/** Lets callers through by their address. */
export const accessControl = defineNode<AccessControlConfig, 'ok' | 'refused'>({
  type: 'access control',
  category: 'protect',
  label: { en: 'access control', 'zh-TW': '存取控制' },
  summary: { en: 'Lets callers through, or not, by their IP address.', 'zh-TW': '依 IP 位址決定是否讓呼叫端通過。' },
  icon: 'fa-shield',
  outputs: ['ok', 'refused'],
  labels: unchanged,
  leaks: nothing,
  faults: ['ip.denied'],
  config: {
    type: 'object',
    properties: {
      allow: networks('Allow', 'Addresses and networks, IPv4 and IPv6: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32, or ${NAME} of the environment. As soon as there is one, nobody else gets through.'),
      deny: networks('Deny', 'Addresses and networks that never get through, whatever is allowed.'),
    },
  },
  check(config) {
    const problems: NodeProblem[] = []
    for (const property of ['allow', 'deny'] as const) {
      for (const entry of config[property]) {
        if (entry.trim() === '' || entry.includes('${')) continue
        const reason = wrong(entry)
        if (reason !== undefined) problems.push({ code: 'acl.network', property, message: `“${entry}” is no address and no network.`, remedy: 'Write 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32.' })
      }
    }
    if (config.allow.every((entry) => entry.trim() === '') && config.deny.every((entry) => entry.trim() === '')) {
      problems.push({ code: 'acl.empty', severity: 'warning', property: 'allow', message: 'The access control node lets everybody through: it allows and denies nothing.', remedy: 'Add an address or network.' })
    }
    return problems
  },
  compile(config, scope) {
    const allow = toEntries(config.allow, scope.env)
    const deny = toEntries(config.deny, scope.env)
    const allowed = allow && parse(allow)
    const denied = deny && parse(deny)
    const refuse = createRefuse(scope)
    return function accessControl(message, run) {
      // The request's own address: a message may have been changed on its way.
      const ip = run.request?.ip
      const isDenied = ip !== undefined && denied !== undefined && denied.has(ip)
      const isAllowed = allowed === undefined || (ip !== undefined && allowed.has(ip))
      if (!isDenied && isAllowed) return { ok: message }
      const check = isDenied ? 'not denied' : 'allowed'
      return refuse(message, run, { code: 'ip.denied', facts: ip === undefined ? {} : { ip }, checks: [{ check, passed: false, ip, networks: isDenied ? deny : allow }] })
    }
  },
})

/**
 * The entries with `${NAME}` replaced by the environment, where a value may list several. Undefined when none is written:
 * a variable that is empty still means that somebody meant to say something.
 * @throws Fault `config.invalid` when a name is not set
 */
function toEntries(written: readonly string[], env: (name: string) => unknown): readonly string[] | undefined {
  const entries = written.map((entry) => entry.trim()).filter((entry) => entry !== '')
  if (entries.length === 0) return undefined
  return entries.flatMap((entry) => {
    if (!entry.includes('${')) return [entry]
    const text = entry.replace(/\$\{([^}]+)\}/g, (_, name: string) => {
      const value = env(name)
      if (value === undefined || value === null || value === '') throw fault('config.invalid', { message: `The environment variable ${name} is not set.` })
      return String(value)
    })
    return text.split(/[\s,]+/).filter((one) => one !== '')
  })
}

function parse(entries: readonly string[]) {
  try {
    return parseNetworks(entries)
  } catch (error) {
    throw fault('config.invalid', { message: (error as Error).message }, error)
  }
}

function wrong(entry: string): string | undefined {
  try {
    parseNetworks([entry])
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
