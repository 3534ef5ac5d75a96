// The frame around the editor: our pages in its menu.
(function () {
  const words = {
    en: { pages: 'Start page', releases: 'Releases and rollback', gateways: 'Gateways' },
    'zh-TW': { pages: '首頁', releases: '發行紀錄與還原', gateways: '閘道' },
  }

  RED.events.on('flows:loaded', function once() {
    RED.events.off('flows:loaded', once)
    const t = words[RED.i18n.lang() === 'zh-TW' ? 'zh-TW' : 'en']
    const go = (path) => () => window.open(path, '_self')
    RED.actions.add('sluice:open-start', go('/'))
    RED.actions.add('sluice:open-releases', go('/releases'))
    RED.actions.add('sluice:open-gateways', go('/gateways'))
    if (!document.getElementById('red-ui-header-button-sidemenu')) return
    RED.menu.addItem('red-ui-header-button-sidemenu', null)
    RED.menu.addItem('red-ui-header-button-sidemenu', { id: 'menu-item-sluice-start', label: t.pages, onselect: 'sluice:open-start' })
    RED.menu.addItem('red-ui-header-button-sidemenu', { id: 'menu-item-sluice-releases', label: t.releases, onselect: 'sluice:open-releases' })
    RED.menu.addItem('red-ui-header-button-sidemenu', { id: 'menu-item-sluice-gateways', label: t.gateways, onselect: 'sluice:open-gateways' })
  })
})()
