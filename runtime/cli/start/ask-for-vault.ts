import type { ChildChannel } from './child-channel.ts'

/** Gets the supervisor to start a vault, once; resolves when it may be asked. By hand, whoever started this process sees to the vault. */
export function createAskForVault(channel: ChildChannel): (() => Promise<void>) & { readonly isAwake: () => boolean } {
  let ready: Promise<void> | undefined
  let awake = !channel.supervised
  const ask = () => (ready ??= channel.supervised
    ? new Promise<void>((settle) => {
        channel.hear((message) => {
          if (message.say !== 'vaultReady') return
          awake = true
          settle()
        })
        channel.tell({ say: 'needVault' })
      })
    : Promise.resolve())
  return Object.assign(ask, { isAwake: () => awake })
}
