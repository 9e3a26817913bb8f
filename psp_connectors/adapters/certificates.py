"""Brings certificates that PSPs sign their webhooks with, and keeps the last ones."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from psp_connectors.application.ports import Accounts, HttpSender
from psp_connectors.application.webhook_ports import CertificateAbsent, CertificateUnavailable
from psp_connectors.domain.http import HttpRequest, HttpResponse

BRING_SECONDS: Final = 5.0
KEPT_MAX: Final = 64
KEPT_SECONDS: Final = 6 * 3600.0
BYTES_MAX: Final = 64 * 1024
_OK: Final = 200
_ABSENT: Final = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class _Kept:
    account: str
    ends: float
    pem: bytes


class HttpCertificates:
    """Gets certificates over HTTPS through the runtime's sender.

    Which hosts are good is for the connectors to say, before they ask for an address; whether a certificate is, when
    they read it. At most 64 are kept, for six hours each unless they are brought anew.
    """

    def __init__(self, *, sender: HttpSender, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._sender = sender
        self._accounts = accounts
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def known(self) -> Mapping[str, bytes]:
        """Give those brought so far (PEM), by address."""
        now = self._clock()
        return MappingProxyType({address: kept.pem for address, kept in self._kept.items() if now < kept.ends})

    async def bring(self, account: str, address: str) -> None:
        """Bring one; raises CertificateUnavailable, CertificateAbsent when the PSP says that there is none."""
        holder = self._accounts.get(account)
        # An account's own base address is the operator's word, and may be a sandbox on this machine.
        own = holder is not None and address.startswith(f"{holder.base_url}/")
        if holder is None or not (own or urlsplit(address).scheme == "https"):
            message = "the certificate's address is not https"
            raise CertificateUnavailable(message)
        request = HttpRequest(method="GET", url=address, headers={"Accept": "application/x-pem-file, text/plain, */*"})
        delivery = await self._sender.send(holder, request, self._clock() + BRING_SECONDS)
        if not isinstance(delivery, HttpResponse):
            message = f"the certificate could not be brought: {delivery.reason}"
            raise CertificateUnavailable(message)
        if delivery.status in _ABSENT:
            message = f"there is no such certificate: status {delivery.status}"
            raise CertificateAbsent(message)
        if delivery.status != _OK or not delivery.body or len(delivery.body) > BYTES_MAX:
            message = f"the certificate could not be brought: status {delivery.status}, {len(delivery.body)} bytes"
            raise CertificateUnavailable(message)
        self._kept.pop(address, None)
        while len(self._kept) >= KEPT_MAX:
            self._kept.popitem(last=False)
        self._kept[address] = _Kept(account, self._clock() + KEPT_SECONDS, delivery.body)

    async def renew(self) -> None:
        """Bring those anew that are at half of their time, so that no webhook has to wait for one that is known."""
        now = self._clock()
        for address, kept in list(self._kept.items()):
            if now >= kept.ends:
                del self._kept[address]
            elif kept.ends - now <= KEPT_SECONDS / 2:
                try:
                    await self.bring(kept.account, address)
                except CertificateUnavailable:
                    # It serves on until its end, and is tried again before.
                    continue
