"""The demo: a small shop of three services that really runs, really logs and really fails.

Here: making the shop's Git repository (`history`), deploying and running its services (`running`), its customers
(`traffic`), the calm days before (`past`), all of it in one call (`shop.make_shop`), and a receiver of its messages (`inbox`).
Not here: registering, processing and showing, which the
command line does by the same functions as for anybody's services.
"""
