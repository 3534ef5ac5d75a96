import { fault } from '../../runtime/core/fault.ts'
import { toText } from '../../runtime/core/values/path-template.ts'

/** Replaces `${NAME}` by the environment. @throws Fault `config.invalid` when a name is not set */
export function withEnv(text: string, env: (name: string) => unknown): string {
  return text.replace(/\$\{([^}]+)\}/g, (_, name: string) => {
    const value = env(name)
    if (value === undefined || value === null || value === '') throw fault('config.invalid', { message: `The environment variable ${name} is not set.` })
    return toText(value)
  })
}
