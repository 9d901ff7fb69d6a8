"""Traces written by us, one or more per language, with what a person reads in them."""

# name: (language, outer type, root type, culprit, text)
SAMPLES = {
    "python_context": ("python", "shop.Closed", "KeyError", "/srv/shop/stock.py:take", '''Traceback (most recent call last):
  File "/srv/shop/stock.py", line 12, in take
    return self.shelf[name]
           ~~~~~~~~~~^^^^^^
KeyError: 'tea'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/till.py", line 40, in sell
    stock.take(name)
  File "/opt/venv/lib/python3.11/site-packages/lib/core.py", line 7, in call
    raise Closed("shop")
shop.Closed: shop'''),
    "python_group": ("python", "ExceptionGroup", "ValueError", "/srv/jobs/b.py:one", '''  + Exception Group Traceback (most recent call last):
  |   File "/srv/jobs/run.py", line 3, in main
  |     raise ExceptionGroup("two", errors)
  | ExceptionGroup: two (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/jobs/b.py", line 9, in one
    |     int("x")
    | ValueError: bad
    +------------------------------------'''),
    "java_cause": ("java", "com.shop.OrderException", "java.net.ConnectException", "Client.java:open", '''com.shop.OrderException: order 7 failed
	at com.shop.Orders.place(Orders.java:41)
	at com.shop.Web.lambda$post$3(Web.java:20)
	at org.springframework.web.Servlet.service(Servlet.java:88)
	Suppressed: java.lang.IllegalStateException: close
		at com.shop.Pool.close(Pool.java:5)
Caused by: java.net.ConnectException: refused
	at java.base/sun.nio.ch.Net.connect0(Native Method)
	at com.shop.Client.open(Client.java:15)
	... 2 more'''),
    "kotlin": ("java", "kotlin.KotlinNullPointerException", "kotlin.KotlinNullPointerException", "Cart.kt:total", '''Exception in thread "main" kotlin.KotlinNullPointerException
	at shop.Cart.total(Cart.kt:8)
	at shop.CartKt.main(Cart.kt:30)'''),
    "node": ("javascript", "TypeError", "TypeError", "/app/src/cart.js:Cart.total", '''/app/src/cart.js:12
    return item.price * 2
                ^

TypeError: Cannot read properties of undefined (reading 'price')
    at Cart.total (/app/src/cart.js:12:17)
    at async handler (/app/node_modules/express/lib/layer.js:95:5)
    at node:internal/main/run_main_module:23:47

Node.js v20.1.0'''),
    "firefox": ("javascript", "ReferenceError", "ReferenceError", "https://shop.example/app.js:pay", '''ReferenceError: basket is not defined
pay@https://shop.example/app.js:10:3
onclick@https://shop.example/:1:1'''),
    "go": ("go", "runtime error", "runtime error", "/srv/shop/cart.go:(*Cart).Total", '''panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
example.com/shop/cart.(*Cart).Total(0xc000010000, 0x3)
	/srv/shop/cart.go:22 +0x1d
main.main()
	/srv/shop/main.go:9 +0x2b
exit status 2'''),
    "csharp": ("csharp", "System.InvalidOperationException", "System.ArgumentNullException", "/src/Shop/Cart.cs:Total", '''System.InvalidOperationException: no cart
 ---> System.ArgumentNullException: Value cannot be null.
   at Shop.Cart.Total(String name) in /src/Shop/Cart.cs:line 12
   --- End of inner exception stack trace ---
   at Shop.Web.Get(Int32 id) in /src/Shop/Web.cs:line 40
   at System.Threading.Tasks.Task.Run()'''),
    "ruby": ("ruby", "NoMethodError", "NoMethodError", "/srv/shop/cart.rb:total", """/srv/shop/cart.rb:5:in `total': undefined method `price' for nil:NilClass (NoMethodError)
	from /srv/shop/till.rb:9:in `block in sell'
	from /usr/lib/ruby/gems/3.0/rack.rb:1:in `call'"""),
    "php": ("php", "RuntimeException", "RuntimeException", "/srv/shop/Cart.php:Till->sell", '''PHP Fatal error:  Uncaught RuntimeException: no cart in /srv/shop/Cart.php:7
Stack trace:
#0 /srv/shop/Cart.php(12): Till->sell(3)
#1 {main}
  thrown in /srv/shop/Cart.php on line 7'''),
    "rust": ("rust", "panic", "panic", "./src/cart.rs:shop::cart::total", '''thread 'main' panicked at src/cart.rs:8:14:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:645:5
   1: core::panicking::panic
             at /rustc/abc/library/core/src/panicking.rs:127:5
   2: shop::cart::total
             at ./src/cart.rs:8:14
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.'''),
    "dart": ("dart", "StateError", "StateError", "package:shop/cart.dart:Cart.total", '''Unhandled exception:
StateError: empty
#0      List.first (dart:core-patch/growable_array.dart:339:5)
#1      Cart.total (package:shop/cart.dart:14:9)
#2      main (package:shop/main.dart:3:1)'''),
    "elixir": ("elixir", "RuntimeError", "RuntimeError", "lib/shop/cart.ex:Shop.Cart.total/1", '''** (RuntimeError) no cart
    (shop 0.1.0) lib/shop/cart.ex:12: Shop.Cart.total/1
    (stdlib 4.3) gen_server.erl:1123: :gen_server.try_dispatch/4'''),
    "swift_placed": ("swift", "Program crashed", "Program crashed", "/srv/shop/Sources/App/Cart.swift:Cart.total(of:)", '''*** Program crashed: Bad pointer dereference at 0x0000000000000000 ***

Thread 0 "Shop" crashed:

0 [ra] 0x000055d0c0a11f2e Cart.total(of:) + 318 in Shop at /srv/shop/Sources/App/Cart.swift:42:21
1 closure #1 in routes(_:) in Shop at /srv/shop/Sources/App/routes.swift:12:9'''),
}
  # fmt: skip
