"""The application: its routes, who may reach it, and how an error looks. What a route answers belongs to the topic's module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.web import anomalies, stats

if TYPE_CHECKING:
    from luffy_dagster.flows import FlowContext

PREFIX = "/api/v1"
# A page of another site that a browser on this machine shows must not read through a name of its own that leads here.
HOSTS = ("127.0.0.1", "localhost")


def create(flow: FlowContext) -> FastAPI:
    """The API over an installation. There are no users yet: serve it on loopback only."""
    app = FastAPI(title="Luffy", version="1", docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json")
    app.state.flow = flow
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    app.include_router(anomalies.router, prefix=PREFIX)
    app.include_router(stats.router, prefix=PREFIX)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(InvalidError, _invalid)

    @app.get("/health")
    def health() -> dict[str, str]:
        """That this process answers; of the parts of an installation `luffy doctor` tells."""
        return {"status": "ok"}

    return app


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=422)
